package compile

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// asked says which members a request has for a Service that has no conditions.
type asked struct {
	// named and sets are the versions of the Service that can serve and that members ask for.
	named, sets []string
	// strict and strictSet are set if a strict member is due.
	strict, strictSet bool
}

func askedOf(s *service, request *route.Request) asked {
	var out asked
	header, _ := grammar.Parse(request.Header["x-override"]...)
	baggage, _ := grammar.ParseBaggage(request.Header["baggage"]...)
	named := grammar.Service{Name: s.Name, Namespace: s.Namespace}
	out.strict = grammar.StrictDue(request.Header["x-override"], named, grammar.Judged{}, grammar.Condition{})
	out.strictSet = grammar.StrictSetDue(request.Header["x-override"], named, versionNames(s))
	for _, m := range slices.Concat(header, baggage) {
		at := slices.IndexFunc(s.versions, func(v version) bool { return v.name == m.Version && v.routable() })
		switch {
		case at < 0, m.Namespace != "" && m.Namespace != s.Namespace, m.From != "", m.Method != "":
		case m.IsSet():
			out.sets = append(out.sets, m.Version)
		case m.Service == s.Name:
			out.named = append(out.named, m.Version)
		}
	}
	return out
}

// row names the kind of the row that a table must take, and its possible versions.
func (a *asked) row() (kind route.Kind, set bool, versions []string) {
	switch {
	case len(a.named) > 0:
		return route.Override, false, a.named
	case a.strict:
		return route.Unavailable, false, nil
	case len(a.sets) > 0:
		return route.Override, true, a.sets
	case a.strictSet:
		return route.Unavailable, true, nil
	}
	return route.Released, false, nil
}

// TestNamedMembersWinOverSets: a member that names the Service wins over a set, also a
// strict one that can't be served, in whatever order the members are.
func TestNamedMembersWinOverSets(t *testing.T) {
	t.Parallel()
	seen := map[string]int{}
	rapid.Check(t, func(t *rapid.T) {
		all, result := compiled(t)
		for i := range result.Tables {
			table := &result.Tables[i]
			s := all.byHost[table.Hosts[0]]
			if len(table.Adopted) > 0 || s == nil || len(s.settings.Conditions) > 0 {
				continue
			}
			for range 20 {
				request := compiletest.Request(true).Draw(t, "request")
				a := askedOf(s, request)
				for range 2 {
					a.check(t, table, request)
					shuffle(t, request)
				}
				kind, set, _ := a.row()
				seen[fmt.Sprintf("%s %v", kind, set)]++
			}
		}
	})
	for _, kind := range []string{"override false", "override true", "unavailable false", "released false"} {
		if seen[kind] == 0 {
			t.Errorf("no request for %s: %v", kind, seen)
		}
	}
}

// check compares the row that a table takes with that which it must take.
func (a *asked) check(t *rapid.T, table *route.Table, request *route.Request) {
	kind, set, versions := a.row()
	decision := route.Evaluate(table, request)
	if decision.Route < 0 {
		return // no row is for the port
	}
	taken := &table.Routes[decision.Route]
	if taken.Kind == route.Ordinary {
		taken = &route.Route{Name: taken.Name, Kind: route.Released}
	}
	if taken.Kind != kind || taken.Set != set || (kind == route.Override && !slices.Contains(versions, taken.Version.Version)) {
		t.Fatalf("%s was taken instead of one of kind %s (set: %v) for %q: %v", taken.Name, kind, set, versions, request.Header)
	}
}

// shuffle puts the members of the override header in another order, in one line.
func shuffle(t *rapid.T, request *route.Request) {
	if lines := request.Header["x-override"]; len(lines) > 0 {
		members := rapid.Permutation(strings.Split(strings.Join(lines, ","), ",")).Draw(t, "shuffled")
		request.Header["x-override"] = []string{strings.Join(members, ",")}
	}
}

// twoVersions is a Service with v1, which is released, v2, and v3, which is not ready.
func twoVersions() *model.Snapshot {
	s := model.Service{
		Namespace: "shop", Name: "cart", Selector: map[string]string{"app": "cart"},
		Ports:    []model.Port{{Name: "http", Number: 80, HTTP: true}},
		Settings: model.Settings{ReleasedVersions: []string{"v1"}},
	}
	for i, v := range []string{"v1", "v2", "v3"} {
		s.Backends = append(s.Backends, model.Backend{
			Workload: model.Workload{Kind: "Deployment", Name: "cart-" + v}, Pods: 1, Ready: min(1, 2-i),
			Labels: map[string]string{"app": "cart", "version": v},
		})
	}
	return &model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{"shop"}, Services: []model.Service{s}}
}

// TestRowsOfSetsAreBehind: the rows of a table in their order, and that back ends read the
// rows of sets as those of overrides.
func TestRowsOfSetsAreBehind(t *testing.T) {
	t.Parallel()
	result := Compile(twoVersions())
	if len(result.Tables) != 1 {
		t.Fatalf("%d tables", len(result.Tables))
	}
	var got []string
	for _, r := range result.Tables[0].Routes {
		got = append(got, r.Name)
	}
	want := []string{
		"ordinary.cart", "override.cart.v1", "override.cart.v2", "unavailable.cart",
		"override.*.cart.v1", "override.*.cart.v2", "unavailable.*.cart", "released.cart",
	}
	if !slices.Equal(got, want) {
		t.Errorf("rows are %q, want %q", got, want)
	}
	placed := istio.ReadRoutes(&istio.VirtualService(&result.Tables[0]).Spec)
	for _, name := range []string{"override.cart.v2", "override.*.cart.v2"} {
		if to, found := placed.Override(name); !found || to.Subset != "override-v2" {
			t.Errorf("%s is read as %v, %v", name, to, found)
		}
	}
	if !placed.Ordinary.Has(route.Cluster{Host: "cart.shop.svc.cluster.local", Subset: "override-v1"}) || len(placed.Ordinary) != 1 {
		t.Errorf("ordinary clusters are %v", placed.Ordinary)
	}
}

// TestStrictSetsKnowTheVersions: a strict set is due for each version that the Service has,
// ready or not, and for no other.
func TestStrictSetsKnowTheVersions(t *testing.T) {
	t.Parallel()
	table := &Compile(twoVersions()).Tables[0]
	for header, want := range map[string]string{
		"*:v1;strict":                    "override.*.cart.v1",
		"*:v2;strict":                    "override.*.cart.v2",
		"*:v3;strict":                    "unavailable.*.cart",
		"*.shop:v3;strict":               "unavailable.*.cart",
		"*:v3":                           "released.cart",
		"*:v4;strict":                    "released.cart",
		"*.lab:v3;strict":                "released.cart",
		"*:v2;from=web;strict":           "unavailable.*.cart",
		"*:v2, cart:v1":                  "override.cart.v1",
		"cart:v4, *:v2":                  "override.*.cart.v2",
		"*:v2, cart:v4;strict":           "unavailable.cart",
		"*:v3;strict, *.shop:v2":         "override.*.cart.v2",
		"*:v3;strict, cart.shop:v2":      "override.cart.v2",
		"*:v2, cart:v1;from=web":         "override.*.cart.v2",
		"cart.lab:v1;strict, *:v2":       "override.*.cart.v2",
		"*:v2;strict, cart:v3;x=;strict": "unavailable.cart",
	} {
		request := &route.Request{Method: "GET", Path: "/", Port: 80, Header: map[string][]string{"x-override": {header}}}
		if got := table.Routes[route.Evaluate(table, request).Route].Name; got != want {
			t.Errorf("%s takes %s, want %s", header, got, want)
		}
	}
}
