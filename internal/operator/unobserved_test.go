package operator

import (
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestWithholdPropagated: while a write of an earlier plan is in flight, or ended and not
// observed, no version is reported as routed by its object.
func TestWithholdPropagated(t *testing.T) {
	t.Parallel()
	q := newQueue(defaultLimits())
	q.install(nil, []queued{queuedStep(t, "vs shop/cart-overrides of cart")})
	if _, ok := q.begin(time.Now()); !ok {
		t.Fatal("the write does not begin")
	}
	propagated := func(service string) bool {
		v := route.Version{Namespace: "shop", Service: service, Version: "v2"}
		planned := plan.Output{Routed: map[route.Version]plan.Routed{v: {Propagated: true}}}
		tables := []route.Table{{Namespace: "shop", Name: service + "-overrides", Routes: []route.Route{{Kind: route.Override, Version: v}}}}
		withholdPropagated(&planned, tables, q.unobserved)
		return planned.Routed[v].Propagated
	}
	if !propagated("cart") {
		t.Error("a write of the same plan counts")
	}
	q.observe()
	q.install(nil, nil)
	if propagated("cart") {
		t.Error("a write of an earlier plan does not count")
	}
	if !propagated("pay") {
		t.Error("another object counts")
	}
	q.end(diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"})
	if propagated("cart") {
		t.Error("a write whose effect is not observed does not count")
	}
	q.observe()
	if !propagated("cart") {
		t.Error("an observed write counts")
	}
}
