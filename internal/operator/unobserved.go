package operator

import (
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// withholdPropagated clears Propagated of each version with a route in an object that an
// unobserved write of an earlier plan may still change: that write may remove the route, if
// it was planned while the version was not ready.
func withholdPropagated(planned *plan.Output, tables []route.Table, unobserved func(diag.Object) bool) {
	for i := range tables {
		t := &tables[i]
		if !unobserved(istio.TableObject(t)) {
			continue
		}
		for j := range t.Routes {
			r := &t.Routes[j]
			if routed, known := planned.Routed[r.Version]; known && r.Kind == route.Override {
				routed.Propagated = false
				planned.Routed[r.Version] = routed
			}
		}
	}
}
