package compile

import (
	"encoding/json"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// compiled returns what the steps have made of a generated cluster.
func compiled(t *rapid.T) (*services, Result) {
	return run(newIndex(compiletest.Either().Draw(t, "snapshot"), Rejected{}))
}

// TestPinsLeadToReleasedPodsOnly: where ordinary traffic is pinned, no pod that
// is not released has the labels of the subset; but where none is released, no preview.
func TestPinsLeadToReleasedPodsOnly(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		all, result := compiled(t)
		for _, s := range all.list {
			for _, p := range s.pin.parts {
				for _, b := range s.pods {
					if model.HasLabels(b.Labels, p.labels) && !b.released && (b.preview || !s.released.missing && !s.released.gone) {
						t.Fatalf("%s: pinned to %v, which %s has too", s.host, p.labels, b.Workload)
					}
				}
			}
			if s.active() && anyUnreleased(s.pods) && len(s.pin.parts) == 0 && !s.released.gone &&
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
		all, result := compiled(t)
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
				checkOverride(t, all, taken, decision.Match, request)
			case route.Ordinary, route.Released, route.Unavailable:
				checkNotFollowed(t, all, table, taken, request)
			}
		}
	})
}

func checkOverride(t *rapid.T, all *services, taken route.Route, match int, request *route.Request) {
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
	if taken.Set {
		followed = grammar.FollowsSet(request.Header["x-override"], named, taken.Version.Version) ||
			grammar.FollowsBaggageSet(request.Header["baggage"], named, taken.Version.Version)
	}
	if !followed {
		t.Fatalf("%s was taken, but nobody asked: %v (match %+v)", taken.Name, request.Header, m)
	}
	s := all.byHost[named.Name+"."+named.Namespace+".svc.cluster.local"]
	v := s.versions[slices.IndexFunc(s.versions, func(v version) bool { return v.name == taken.Version.Version })]
	if v.ready == 0 {
		t.Fatalf("%s leads to a version that can't serve", taken.Name)
	}
	d := taken.Destinations
	if len(d) != 1 || (v.isolated == nil && (d[0].Host != s.host || d[0].Subset != v.subset)) ||
		(v.isolated != nil && (d[0].Host != v.isolated.host || d[0].Subset != "")) {
		t.Fatalf("%s leads to %+v", taken.Name, d)
	}
}

// checkNotFollowed holds for tables of Services without routes of the user's.
func checkNotFollowed(t *rapid.T, all *services, table *route.Table, taken route.Route, request *route.Request) {
	if len(table.Adopted) > 0 {
		return
	}
	s := all.byHost[table.Hosts[0]]
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
	due := grammar.StrictDue(request.Header["x-override"], named, judged, grammar.Condition{}) ||
		grammar.StrictSetDue(request.Header["x-override"], named, versionNames(s))
	if due != (taken.Kind == route.Unavailable) {
		t.Fatalf("strict is due: %v, but %s was taken: %v", due, taken.Name, request.Header)
	}
}

func versionNames(s *service) []string {
	var out []string
	for i := range s.versions {
		out = append(out, s.versions[i].name)
	}
	return out
}

// TestOutputIsValid: names, patterns and weights are within the limits of Istio,
// nobody's object is named, and the same snapshot gives the same bytes and is
// not changed.
func TestOutputIsValid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		snapshot := compiletest.Either().Draw(t, "snapshot")
		before, err := json.Marshal(snapshot)
		if err != nil {
			t.Fatal(err)
		}
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
		for _, match := range slices.Concat(m.Headers, m.WithoutHeaders) {
			if match.Op == route.Regex && grammar.CheckPattern(match.Value) != nil {
				t.Fatalf("%s: header %s: %s does not pass", r.Name, match.Name, match.Value)
			}
		}
	}
}
