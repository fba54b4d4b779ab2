package plan_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestDuplicateNames: of two desired objects with one name, a plan writes neither and leaves
// the stored one; it writes all others.
func TestDuplicateNames(t *testing.T) {
	t.Parallel()
	table := func(name, host string) route.Table {
		return route.Table{Namespace: namespace, Name: name, Owner: service, Hosts: []string{host}, Routes: []route.Route{{
			Name: "r", Kind: route.Released, Destinations: []route.Destination{{Host: host}},
		}}}
	}
	rule := func(name, host string) route.SubsetRule {
		return route.SubsetRule{Namespace: namespace, Name: name, Owner: service, Host: host, Subsets: []route.Subset{{Name: "v1"}}}
	}
	in := plan.Input{
		Snapshot: &model.Snapshot{Options: model.DefaultOptions()}, Now: epoch, Options: times(), Backend: istio.Backend{},
		Result: &compile.Result{
			Tables:      []route.Table{table("a", host), table("a", "a.example.com"), table("a", "b.example.com"), table("b", "c.example.com")},
			SubsetRules: []route.SubsetRule{rule("a", host), rule("c", host), rule("c", "c.example.com")},
		},
		Observed: []plan.Observed{{
			Object: diag.Object{Kind: "DestinationRule", Namespace: namespace, Name: "c"}, Managed: []byte("{}"),
			Subsets: &route.PlacedSubsets{Host: host, Subsets: []route.Subset{{Name: "v1"}}},
		}},
	}
	for range 3 {
		out, err := plan.Plan(in)
		if err != nil {
			t.Fatal(err)
		}
		var steps, diagnostics []string
		for _, s := range out.Steps {
			steps = append(steps, s.String())
		}
		for _, d := range out.Diagnostics {
			diagnostics = append(diagnostics, string(d.Code)+" "+d.Object.String())
		}
		if diff := cmp.Diff([]string{"create DestinationRule shop/a", "create VirtualService shop/b"}, steps); diff != "" {
			t.Errorf("steps (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{"ObjectInvalid DestinationRule shop/c", "ObjectInvalid VirtualService shop/a"}, diagnostics); diff != "" {
			t.Errorf("diagnostics (-want +got):\n%s", diff)
		}
		in.Memory, in.Now = out.Memory, in.Now.Add(10*bound)
	}
}
