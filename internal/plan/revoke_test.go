package plan_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestRevoked: a grant that is no longer live loses its place in a stored object at once, also if
// the rest of the object has to wait for a subset; a new one waits with the rest.
func TestRevoked(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		subset  string
		live    []string
		listed  string
		updates int
	}{
		{"new", []string{"grant.a", "grant.b"}, "a|b", 0},
		{"new", []string{"grant.b", "grant.c"}, "b", 1},
		{"new", nil, "", 1},
		{"old", []string{"grant.b", "grant.c"}, "b|c", 1},
	} {
		before := granted("old", []string{"grant.a", "grant.b"})
		data, _, err := istio.Backend{}.EncodeTable(&before)
		if err != nil {
			t.Fatal(err)
		}
		rule := route.SubsetRule{
			Namespace: "shop", Name: "web-overrides", Owner: "web", Host: "web.shop.svc.cluster.local",
			Subsets: []route.Subset{{Name: "new", Labels: map[string]string{"version": "v2"}}, {Name: "old", Labels: map[string]string{"version": "v1"}}},
		}
		out, err := plan.Plan(plan.Input{
			Snapshot: &model.Snapshot{Options: model.DefaultOptions()}, Result: &compile.Result{Tables: []route.Table{granted(c.subset, c.live)}, SubsetRules: []route.SubsetRule{rule}},
			Observed: []plan.Observed{observe(t, istio.Object{Object: istio.TableObject(&before), JSON: data})},
			Now:      time.Unix(1_800_000_000, 0), Options: plan.DefaultOptions(), Backend: istio.Backend{},
		})
		if err != nil {
			t.Fatal(err)
		}
		steps := slices.DeleteFunc(out.Steps, func(s plan.Step) bool { return s.Object.Kind == "DestinationRule" })
		if len(steps) != c.updates {
			t.Fatalf("%+v: the steps are %v, %d are blocked", c, steps, len(out.Blocked))
		}
		for _, s := range steps {
			text := string(s.Object.JSON)
			if !strings.Contains(text, `grant\\.(?:`+c.listed+`)"`) || strings.Contains(text, `"new"`) {
				t.Errorf("%+v: it becomes %s", c, text)
			}
		}
	}
}

// granted is the table of a gateway with rows for grants.
func granted(subset string, live []string) route.Table {
	id := grammar.TokenIDHeader("x-override")
	to := []route.Destination{{Host: "web.shop.svc.cluster.local", Subset: subset}}
	dead := route.Match{
		Headers:        route.Matchers{{Name: id, StringMatch: route.StringMatch{Op: route.Regex, Value: grammar.AnyGrantPattern}}},
		WithoutHeaders: route.Matchers{{Name: id, StringMatch: route.StringMatch{Op: route.Regex, Value: strings.Join(grammar.GrantPatterns(live, 1024), "")}}},
	}
	if len(live) == 0 {
		dead.WithoutHeaders = nil
	}
	return route.Table{
		Namespace: "shop", Name: "shop-gateway-overrides", Owner: "shop", Hosts: []string{"shop.example.com"}, Gateways: []string{"ingress/public"}, Grants: &route.Grants{IDs: live},
		Routes: []route.Route{{Name: "dead", Kind: route.Released, Matches: []route.Match{dead}, Destinations: to}, {Name: "released", Kind: route.Released, Destinations: to}},
	}
}
