package operator

import (
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestTook: after steps that no plan follows on, a version is routed to if its row was
// written, and what was not taken is still to be done.
func TestTook(t *testing.T) {
	t.Parallel()
	step := func(kind, name string) plan.Step {
		return plan.Step{Action: plan.Update, Object: istio.Object{Object: diag.Object{Kind: kind, Namespace: "shop", Name: name}}}
	}
	version := func(name, version string) route.Version {
		return route.Version{Namespace: "shop", Service: name, Version: version}
	}
	table := func(name string) route.Table {
		return route.Table{Namespace: "shop", Name: name, Routes: []route.Route{
			{Name: "override.v1", Kind: route.Override, Version: version(name, "v1")},
			{Name: "override.v2", Kind: route.Override, Version: version(name, "v2")},
			{Name: "released", Kind: route.Released},
		}}
	}
	p := &picture{result: compile.Result{Tables: []route.Table{table("cart"), table("pay")}}}
	p.planned = plan.Output{
		Steps:  []plan.Step{step("VirtualService", "cart"), step("DestinationRule", "cart"), step("VirtualService", "pay")},
		Routed: map[route.Version]plan.Routed{version("pay", "v1"): {Propagated: true}},
	}
	p.seen = map[diag.Object]*apply.Seen{}
	for _, name := range []string{"cart", "pay"} {
		object := step("VirtualService", name).Object.Object
		p.seen[object] = &apply.Seen{Observed: plan.Observed{Object: object, Routes: istio.ReadRoutes(&istioapi.VirtualService{Http: []*istioapi.HTTPRoute{{
			Name:  "override.v1", // v2 is held back
			Match: []*istioapi.HTTPMatchRequest{{Headers: map[string]*istioapi.StringMatch{"x-override": {MatchType: &istioapi.StringMatch_Regex{Regex: `(?:.*,)?[ \t]*cart:v1`}}}}},
			Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: name, Subset: "override-v1"}}},
		}}})}}
	}
	p.took([]plan.Step{step("VirtualService", "cart"), step("DestinationRule", "cart")})
	if len(p.planned.Steps) != 1 || p.planned.Steps[0].Object.Name != "pay" {
		t.Errorf("still to be done: %v", p.planned.Steps)
	}
	if _, routed := p.planned.Routed[version("cart", "v1")]; !routed {
		t.Error("what was written is not known to be routed to")
	}
	if n := len(p.planned.Routed); n != 2 {
		t.Errorf("%d versions are routed to: %v", n, p.planned.Routed)
	}
	if !p.planned.Routed[version("pay", "v1")].Propagated {
		t.Error("what was known of another one is lost")
	}
}
