package compile

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"
	istioapi "istio.io/api/networking/v1alpha3"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// compiled is a compiler that has run, with its result.
func compiled(t *rapid.T) (*compiler, Result) {
	c := newCompiler(compiletest.Snapshot().Draw(t, "snapshot"))
	c.run()
	return c, c.result()
}

// TestOrdinaryTrafficIsUntouched is the contract's first line: a request
// without a carrier takes, also with the override rows removed, the route that
// it would take in the user's own VirtualService, with the same destinations but
// for the pin.
func TestOrdinaryTrafficIsUntouched(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, result := compiled(t)
		for i := range result.Tables {
			table := &result.Tables[i]
			users := usersTable(t, c, table)
			stripped := *table
			stripped.Routes = keep(table.Routes, func(r route.Route) bool {
				return r.Kind == route.Ordinary || r.Kind == route.Released
			})
			for range 5 {
				request := compiletest.Request(false).Draw(t, "request")
				for _, got := range []*route.Table{table, &stripped} {
					compareDecisions(t, c, users, got, request)
				}
			}
		}
	})
}

// usersTable is what holds for the hosts of table without Overrides.
func usersTable(t *rapid.T, c *compiler, table *route.Table) *route.Table {
	out := &route.Table{}
	if table.Adopted == "" {
		s := c.byHost[table.Hosts[0]]
		for _, r := range ownRoutes(s) {
			out.Routes = append(out.Routes, route.Route{Matches: r.matches, Destinations: r.destinations})
		}
		return out
	}
	namespace, name, _ := strings.Cut(table.Adopted, "/")
	routes, problem := c.readRoutes(c.mesh.byName[[2]string{namespace, name}])
	if problem != nil {
		t.Fatalf("adopted in spite of %v", problem)
	}
	if s := c.byHost[table.Hosts[0]]; s != nil && s.active() {
		routes = append(routes, uncoveredPorts(s, routes)...)
	}
	for _, r := range routes {
		out.Routes = append(out.Routes, route.Route{Matches: r.matches, Destinations: r.destinations, Base: r.base})
	}
	return out
}

func compareDecisions(t *rapid.T, c *compiler, users, table *route.Table, request *route.Request) {
	want, got := route.Evaluate(users, request), route.Evaluate(table, request)
	if want.Route < 0 || got.Route < 0 {
		if want.Route != got.Route {
			t.Fatalf("the user's route is %d, ours %d", want.Route, got.Route)
		}
		return
	}
	theirs, ours := users.Routes[want.Route], table.Routes[got.Route]
	if ours.Kind != route.Ordinary && ours.Kind != route.Released {
		t.Fatalf("an ordinary request took %s", ours.Name)
	}
	if !proto.Equal(unpinned(theirs.Base), unpinned(ours.Base)) {
		t.Fatalf("route differs:\n%v\n%v", theirs.Base, ours.Base)
	}
	if w, g := shares(c, theirs.Destinations), shares(c, ours.Destinations); !equalShares(w, g) {
		t.Fatalf("destinations differ: the user's %v, ours %v", w, g)
	}
}

// unpinned is a route without its mirror's subset, which a pin may have added.
func unpinned(r *istioapi.HTTPRoute) *istioapi.HTTPRoute {
	if r == nil {
		return nil
	}
	out := r.DeepCopy()
	if out.Mirror != nil {
		out.Mirror.Subset = ""
	}
	return out
}

// shares sums the weights of destinations, with pinned ones as their Service.
func shares(c *compiler, destinations []route.Destination) map[string]float64 {
	out, sum := map[string]float64{}, 0.0
	for _, d := range destinations {
		subset := d.Subset
		if s := c.byHost[d.Host]; s != nil && slices.ContainsFunc(s.pin.parts, func(p part) bool { return p.subset == subset }) {
			subset = ""
		}
		weight := float64(d.Weight)
		if len(destinations) == 1 {
			weight = 1
		}
		out[fmt.Sprint(d.Host, "|", subset, "|", d.Port, "|", d.Headers)] += weight
		sum += weight
	}
	for key := range out {
		out[key] /= sum
	}
	return out
}

func equalShares(a, b map[string]float64) bool {
	return maps.EqualFunc(a, b, func(x, y float64) bool { return x-y < 1e-6 && y-x < 1e-6 })
}

// TestPinsLeadToReleasedPodsOnly: where ordinary traffic is pinned, no pod that
// is not released has the labels of the subset.
func TestPinsLeadToReleasedPodsOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, result := compiled(t)
		for _, s := range c.services {
			for _, p := range s.pin.parts {
				for _, b := range s.backends {
					if model.HasLabels(b.Labels, p.labels) && !b.released {
						t.Fatalf("%s: pinned to %v, which %s has too", s.host, p.labels, b.Workload)
					}
				}
			}
			if s.active() && s.hasOthers() && len(s.pin.parts) == 0 && !s.released.gone &&
				!slices.ContainsFunc(result.Diagnostics, func(d diag.Diagnostic) bool {
					return d.Object == s.Object() && (d.Code == diag.OrdinaryTrafficShared || d.Code == diag.ReleasedNotFound)
				}) {
				t.Fatalf("%s: shared without a word", s.host)
			}
		}
	})
}

// TestOverrideIsExact is the contract's second and third line: whoever takes an
// override row was asked for by a well-formed member with just these
// conditions, which hold, and can serve; and a plain member for a version that
// can serve is followed.
func TestOverrideIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, result := compiled(t)
		for i := range result.Tables {
			table := &result.Tables[i]
			request := compiletest.Request(true).Draw(t, "request")
			decision := route.Evaluate(table, request)
			if decision.Route < 0 {
				continue
			}
			taken := table.Routes[decision.Route]
			switch taken.Kind {
			case route.Override:
				checkOverride(t, c, taken, decision.Match, request)
			case route.Ordinary, route.Released, route.Unavailable:
				checkNotFollowed(t, c, table, taken, request)
			}
		}
	})
}

func checkOverride(t *rapid.T, c *compiler, taken route.Route, match int, request *route.Request) {
	named := grammar.Service{Name: taken.Version.Service, Namespace: taken.Version.Namespace}
	m := taken.Matches[match]
	followed := grammar.FollowsBaggage(request.Header["baggage"], named, taken.Version.Version)
	for _, condition := range []grammar.Condition{
		{},
		{From: request.Caller.Labels["app"]},
		{Method: request.Method},
		{From: request.Caller.Labels["app"], Method: request.Method},
	} {
		followed = followed || grammar.Follows(request.Header["x-override"], named, taken.Version.Version, condition)
	}
	if !followed {
		t.Fatalf("%s was taken, but nobody asked: %v (match %+v)", taken.Name, request.Header, m)
	}
	s := c.byHost[c.fqdn(named.Name, named.Namespace)]
	v := s.versions[slices.IndexFunc(s.versions, func(v version) bool { return v.name == taken.Version.Version })]
	if v.ready == 0 {
		t.Fatalf("%s leads to a version that can't serve", taken.Name)
	}
	d := taken.Destinations
	if len(d) != 1 || (v.isolated == nil && (d[0].Host != s.host || d[0].Subset != v.subset)) ||
		(v.isolated != nil && (d[0].Host != v.isolated.service.host || d[0].Subset != "")) {
		t.Fatalf("%s leads to %+v", taken.Name, d)
	}
}

// checkNotFollowed holds for tables of Services without routes of the user's.
func checkNotFollowed(t *rapid.T, c *compiler, table *route.Table, taken route.Route, request *route.Request) {
	if table.Adopted != "" {
		return
	}
	s := c.byHost[table.Hosts[0]]
	named := grammar.Service{Name: s.Name, Namespace: s.Namespace}
	for _, v := range s.versions {
		if v.routable() && grammar.Follows(request.Header["x-override"], named, v.name, grammar.Condition{}) {
			t.Fatalf("%s was taken, but %s was asked for: %v", taken.Name, v.name, request.Header)
		}
	}
	judged := grammar.Judged{
		From:   slices.Contains(s.settings.Conditions, "from"),
		Method: slices.Contains(s.settings.Conditions, "method") && slices.Contains(s.settings.Methods, request.Method),
	}
	if judged.From || slices.Contains(s.settings.Conditions, "method") {
		return // the rows for conditions are held against the parser in package grammar
	}
	if due := grammar.StrictDue(request.Header["x-override"], named, judged, grammar.Condition{}); due != (taken.Kind == route.Unavailable) {
		t.Fatalf("strict is due: %v, but %s was taken: %v", due, taken.Name, request.Header)
	}
}

// TestEverySubsetExists is the contract's fifth line: from every namespace that
// sees a table, the rule in force for each host has each subset that is named.
func TestEverySubsetExists(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		c, result := compiled(t)
		for _, table := range result.Tables {
			namespaces := table.ExportTo
			if namespaces == nil {
				namespaces = []string{"shop", "lab", "somewhere"}
			}
			for _, r := range table.Routes {
				for _, d := range r.Destinations {
					for _, namespace := range namespaces {
						if d.Subset != "" && !slices.Contains(subsetsFrom(c, result, namespace, d.Host), d.Subset) {
							t.Fatalf("%s: %s: no subset %s of %s seen from %s", table.Name, r.Name, d.Subset, d.Host, namespace)
						}
					}
				}
			}
		}
	})
}

// subsetsFrom lists the subsets of a host that a proxy in a namespace has, by
// istiod's look-up: client's namespace, Service's namespace, root namespace; in
// each the most specific host; equal exportTo merged, else the youngest whole.
func subsetsFrom(c *compiler, result Result, namespace, host string) []string {
	rules := slices.Clone(c.snapshot.DestinationRules)
	for _, own := range result.SubsetRules {
		spec := &istioapi.DestinationRule{Host: own.Host, ExportTo: own.ExportTo}
		for _, s := range own.Subsets {
			spec.Subsets = append(spec.Subsets, &istioapi.Subset{Name: s.Name, Labels: s.Labels})
		}
		rules = append(rules, model.DestinationRule{Namespace: own.Namespace, Name: "~ours", Spec: spec})
	}
	serviceNamespace := strings.Split(host, ".")[1]
	for _, step := range []string{namespace, serviceNamespace, "istio-system"} {
		best := ""
		var found []model.DestinationRule
		for _, d := range rules {
			resolved := c.resolve(d.Spec.Host, d.Namespace)
			covers := resolved == host || (strings.HasPrefix(resolved, "*") && strings.HasSuffix(host, resolved[1:]))
			visible := visibleIn(d.Spec.ExportTo, d.Namespace)
			if d.Namespace != step || !covers || (visible != nil && !slices.Contains(visible, namespace)) {
				continue
			}
			switch specific := resolved == host; {
			case best == "" || (specific && best != host) || (best != host && len(resolved) > len(best)):
				best, found = resolved, []model.DestinationRule{d}
			case resolved == best:
				found = append(found, d)
			}
		}
		if len(found) > 0 {
			return mergedSubsets(found)
		}
	}
	return nil
}

func mergedSubsets(found []model.DestinationRule) []string {
	var out []string
	for _, d := range found {
		if sameStrings(d.Spec.ExportTo, found[len(found)-1].Spec.ExportTo) {
			for _, s := range d.Spec.Subsets {
				out = append(out, s.Name)
			}
		}
	}
	return out
}

// TestOutputIsValid: names, patterns and weights are within the limits of Istio,
// nobody's object is named, and the same snapshot gives the same bytes and is
// not changed.
func TestOutputIsValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		snapshot := compiletest.Snapshot().Draw(t, "snapshot")
		before, _ := json.Marshal(snapshot)
		result := Compile(snapshot)
		again, _ := json.Marshal(Compile(snapshot))
		if after, _ := json.Marshal(snapshot); string(after) != string(before) {
			t.Fatal("the snapshot was changed")
		}
		if once, _ := json.Marshal(result); string(once) != string(again) {
			t.Fatal("two runs differ")
		}
		seen := map[string]bool{}
		for _, table := range result.Tables {
			if key := table.Namespace + "/" + table.Name; seen[key] || len(table.Name) > maxName {
				t.Fatalf("name %s stands twice or is too long", key)
			} else {
				seen[key] = true
			}
			for _, r := range table.Routes {
				checkRoute(t, r)
			}
		}
	})
}

func checkRoute(t *rapid.T, r route.Route) {
	sum := int64(0)
	for _, d := range r.Destinations {
		sum += int64(d.Weight)
	}
	if len(r.Destinations) > 1 && (sum <= 0 || sum > 1<<31) {
		t.Fatalf("%s: weights sum up to %d", r.Name, sum)
	}
	for _, m := range r.Matches {
		for _, headers := range []map[string]route.StringMatch{m.Headers, m.WithoutHeaders} {
			for name, match := range headers {
				if match.Op == route.Regex && grammar.CheckPattern(match.Value) != nil {
					t.Fatalf("%s: header %s: %s does not pass", r.Name, name, match.Value)
				}
			}
		}
	}
}
