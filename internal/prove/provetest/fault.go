// Package provetest plants faults into results of package compile, as bugs in it could,
// for tests of the proof.
package provetest

import (
	"slices"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Fault is a way to break something. Plant changes a result, and reports whether there
// was anything to break.
type Fault struct {
	Name  string
	Plant func(*compile.Result) bool
}

// Faults lists all faults. Each gives objects that Istio accepts, except for one that
// leads nowhere.
func Faults() []Fault { return slices.Concat(faultsOfRows(), faultsOfObjects()) }

// faultsOfRows are faults in single rows of tables.
func faultsOfRows() []Fault {
	return []Fault{
		{"a timeout is another", rows(func(r *route.Route) bool {
			return edit(r, func(h *istioapi.HTTPRoute) { h.Timeout = durationpb.New(77 * time.Second) })
		})},
		{"what users say of a route is lost", rows(func(r *route.Route) bool {
			had := r.Base != nil && proto.Size(&istioapi.HTTPRoute{
				Timeout: r.Base.GetTimeout(), Retries: r.Base.GetRetries(), Rewrite: r.Base.GetRewrite(), Headers: r.Base.GetHeaders(),
				Fault: r.Base.GetFault(), CorsPolicy: r.Base.GetCorsPolicy(),
			}) > 0
			r.Base = nil
			return had
		})},
		{"a fault is injected", rows(func(r *route.Route) bool {
			return edit(r, func(h *istioapi.HTTPRoute) {
				h.Fault = &istioapi.HTTPFaultInjection{Abort: &istioapi.HTTPFaultInjection_Abort{
					ErrorType: &istioapi.HTTPFaultInjection_Abort_HttpStatus{HttpStatus: 500}, Percentage: &istioapi.Percent{Value: 100},
				}}
			})
		})},
		{"requests go to another Service", rows(func(r *route.Route) bool {
			if len(r.Destinations) == 0 {
				return false
			}
			r.Destinations = slices.Clone(r.Destinations)
			r.Destinations[0].Host, r.Destinations[0].Subset = "elsewhere.example.com", ""
			return true
		})},
	}
}

// losePolicy removes the policy of a rule.
func losePolicy(r *route.SubsetRule) bool {
	had := r.Policy != nil
	r.Policy = nil
	return had
}

// misdelegate lets delegations name a delegate that does not exist.
func misdelegate(t *route.Table) bool {
	nobody := map[*route.Delegation]*route.Delegation{}
	t.Routes = slices.Clone(t.Routes)
	for i := range t.Routes {
		d := t.Routes[i].Delegated
		if d == nil {
			continue
		}
		if nobody[d] == nil {
			other := *d
			other.Delegate = "nobody"
			nobody[d] = &other
		}
		t.Routes[i].Delegated = nobody[d]
	}
	return len(nobody) > 0
}

// faultsOfObjects are faults in tables and rules as a whole.
func faultsOfObjects() []Fault {
	return []Fault{
		{"a route is forgotten", tables(func(t *route.Table) bool {
			kept := slices.DeleteFunc(slices.Clone(t.Routes), func(r route.Route) bool { return r.Kind == route.Released })
			lost := len(kept) < len(t.Routes)
			t.Routes = kept
			return lost
		})},
		{"a delegate is not there", tables(misdelegate)},
		{"overrides are followed without a header", tables(func(t *route.Table) bool {
			at := slices.IndexFunc(t.Routes, func(r route.Route) bool { return r.Kind == route.Override })
			if at < 0 {
				return false
			}
			first := t.Routes[at]
			first.Matches = nil
			t.Routes = slices.Insert(slices.Clone(t.Routes), 0, first)
			return true
		})},
		{"a subset is missing", rules(func(r *route.SubsetRule) bool {
			had := len(r.Subsets) > 0
			r.Subsets = nil
			return had
		})},
		{"a pin has pods that are not released", rules(func(r *route.SubsetRule) bool {
			r.Subsets = slices.Clone(r.Subsets)
			for i := range r.Subsets {
				r.Subsets[i].Labels = nil
			}
			return len(r.Subsets) > 0
		})},
		{"a copied policy is lost", rules(losePolicy)},
		{"a rule says something of its own", rules(func(r *route.SubsetRule) bool {
			r.Policy = &istioapi.TrafficPolicy{LoadBalancer: &istioapi.LoadBalancerSettings{
				LbPolicy: &istioapi.LoadBalancerSettings_Simple{Simple: istioapi.LoadBalancerSettings_PASSTHROUGH},
			}}
			return true
		})},
		{"everybody sees a table", tables(func(t *route.Table) bool {
			scoped := t.ExportTo != nil
			t.ExportTo = []string{"*"}
			return scoped
		})},
		{"a table claims hosts of others", tables(func(t *route.Table) bool {
			t.Hosts = append(slices.Clone(t.Hosts), "front.example.com", "cart.lab.svc.cluster.local")
			return true
		})},
	}
}

// tables applies a change to each table.
func tables(change func(*route.Table) bool) func(*compile.Result) bool {
	return func(r *compile.Result) bool {
		changed := false
		r.Tables = slices.Clone(r.Tables)
		for i := range r.Tables {
			changed = change(&r.Tables[i]) || changed
		}
		return changed
	}
}

// rows applies a change to each row that ordinary requests take.
func rows(change func(*route.Route) bool) func(*compile.Result) bool {
	return tables(func(t *route.Table) bool {
		changed := false
		t.Routes = slices.Clone(t.Routes)
		for i := range t.Routes {
			if k := t.Routes[i].Kind; k == route.Ordinary || k == route.Released {
				r := &t.Routes[i]
				if change(r) {
					r.Delegated, changed = nil, true // such a row is not part of the delegation
				}
			}
		}
		return changed
	})
}

// rules applies a change to each subset rule.
func rules(change func(*route.SubsetRule) bool) func(*compile.Result) bool {
	return func(r *compile.Result) bool {
		changed := false
		r.SubsetRules = slices.Clone(r.SubsetRules)
		for i := range r.SubsetRules {
			changed = change(&r.SubsetRules[i]) || changed
		}
		return changed
	}
}

// edit applies a change to a copy of the user's route.
func edit(r *route.Route, change func(*istioapi.HTTPRoute)) bool {
	if len(r.Destinations) == 0 {
		return false
	}
	base := &istioapi.HTTPRoute{}
	if r.Base != nil {
		base = proto.CloneOf(r.Base)
	}
	change(base)
	r.Base = base
	return true
}
