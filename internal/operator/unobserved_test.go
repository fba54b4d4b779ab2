package operator

import (
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestDoubt: while a write of an earlier plan is in flight, or over and not observed, no
// version is said to be routed to by the object that it is of.
func TestWithholdPropagated(t *testing.T) {
	t.Parallel()
	q := newQueue(defaultLimits())
	q.install(nil, []queued{queuedStep(t, "vs shop/cart-overrides of cart")})
	if _, ok := q.begin(time.Now()); !ok {
		t.Fatal("it does not begin")
	}
	settled := func(service string) bool {
		v := route.Version{Namespace: "shop", Service: service, Version: "v2"}
		planned := plan.Output{Routed: map[route.Version]plan.Routed{v: {Propagated: true}}}
		tables := []route.Table{{Namespace: "shop", Name: service + "-overrides", Routes: []route.Route{{Kind: route.Override, Version: v}}}}
		withholdPropagated(&planned, tables, q.unobserved)
		return planned.Routed[v].Propagated
	}
	if !settled("cart") {
		t.Error("a write of the plan itself is in doubt")
	}
	q.observe()
	q.install(nil, nil)
	if settled("cart") {
		t.Error("a write of an earlier plan is not in doubt")
	}
	if !settled("pay") {
		t.Error("another object is in doubt")
	}
	q.end(diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"})
	if settled("cart") {
		t.Error("a write whose effect was not observed is not in doubt")
	}
	q.observe()
	if !settled("cart") {
		t.Error("what was observed is in doubt")
	}
}
