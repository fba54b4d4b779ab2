package prove_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestHTTPRoutes: the proof finds each way in which an HTTPRoute could change ordinary
// requests at a Kubernetes Gateway, or lead nowhere.
func TestHTTPRoutes(t *testing.T) {
	t.Parallel()
	snapshot := atKubernetesGateway(t)
	// row returns a row at the gateway by the beginning of its name.
	row := func(tables []route.Table, name string) *route.Route {
		for i := range tables {
			for j := range tables[i].Routes {
				if tables[i].Attached != nil && strings.HasPrefix(tables[i].Routes[j].Name, name) {
					return &tables[i].Routes[j]
				}
			}
		}
		return &route.Route{Matches: make([]route.Match, 1), Destinations: make([]route.Destination, 1)}
	}
	attached := func(tables []route.Table) *route.Attachment {
		at := slices.IndexFunc(tables, func(t route.Table) bool { return t.Attached != nil })
		return tables[at].Attached
	}
	for name, test := range map[string]struct {
		change func(tables []route.Table)
		want   string
	}{
		"nothing": {func([]route.Table) {}, ""},
		"a row for requests without an override": {
			func(tables []route.Table) { row(tables, "override.web.v2").Matches[0].Headers = nil }, "no override: row override.web.v2",
		},
		"… with another header": {
			func(tables []route.Table) {
				row(tables, "override.web.v2").Matches[0].Headers = route.Matchers{{Name: "x-other", StringMatch: route.StringMatch{Op: route.Exact, Value: "1"}}}
			}, "no override: row override.web.v2",
		},
		"a row for all baggage": {
			func(tables []route.Table) {
				row(tables, "override.web.v2").Matches[0].Headers = route.Matchers{{Name: "baggage", StringMatch: route.StringMatch{Op: route.Regex, Value: route.AnyValue}}}
			}, "no override: row override.web.v2",
		},
		"a version's row for any override": {
			func(tables []route.Table) {
				row(tables, "override.web.v2").Matches[0].Headers = route.Matchers{{Name: "x-override", StringMatch: route.StringMatch{Op: route.Regex, Value: route.AnyValue}}}
			}, "header: row override.web.v2",
		},
		"a copy of a rule that leads elsewhere": {
			func(tables []route.Table) {
				row(tables, "released").Rule = json.RawMessage(`{"backendRefs":[{"name":"web","port":80}]}`)
			}, "row released#1 of HTTPRoute shop/front-overrides is not the rule of HTTPRoute shop/front",
		},
		"… for other requests": {
			func(tables []route.Table) {
				row(tables, "released").Matches[0].URI = &route.StringMatch{Op: route.PathPrefix, Value: "/x"}
			},
			"row released#1 of HTTPRoute shop/front-overrides would take them",
		},
		"… without the user's header": {
			func(tables []route.Table) {
				m := &row(tables, "released").Matches[0]
				m.Headers = slices.DeleteFunc(slices.Clone(m.Headers), func(h route.Matcher) bool { return h.Name == "x-beta" })
			}, "row released#1 of HTTPRoute shop/front-overrides is not the rule of HTTPRoute shop/front",
		},
		"a copy of a rule before one that competes": {
			func(tables []route.Table) {
				r := row(tables, "released")
				r.Matches, r.Rule = r.Matches[:1], json.RawMessage(`{"backendRefs":[{"group":"","kind":"Service","name":"web","port":80,"weight":1}]}`)
				m := &r.Matches[0]
				m.Headers = slices.DeleteFunc(slices.Clone(m.Headers), func(h route.Matcher) bool { return h.Name == "x-beta" })
			}, "header: row released#1 of HTTPRoute shop/front-overrides would come before a rule of HTTPRoute shop/front",
		},
		"a host of nobody": {
			func(tables []route.Table) { attached(tables).Hostnames = []string{"other.example.com"} }, "no HTTPRoute of a user's has these parents and hostnames",
		},
		"a parent of nobody": {
			func(tables []route.Table) { attached(tables).Parents[0].Name = "other" }, "no HTTPRoute of a user's has these parents and hostnames",
		},
		"a destination that gateways don't have": {
			func(tables []route.Table) { row(tables, "override.web.v2").Destinations[0].Port = 81 }, "which gateways in namespace ingress don't have",
		},
		"another destination than it says": {
			func(tables []route.Table) {
				row(tables, "override.web.v2").Destinations[0].Host = "media.shop.svc.cluster.local"
			}, "does not lead to media.shop.svc.cluster.local:80 only",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			result := compile.Compile(snapshot)
			result.Tables = cloned(result.Tables)
			test.change(result.Tables)
			found := ""
			for _, f := range prove.Check(snapshot, &result).Failures {
				found += f.String() + "\n"
			}
			if !strings.Contains(found, test.want) || (test.want == "") != (found == "") {
				t.Errorf("it finds %q, want %q", found, test.want)
			}
		})
	}
}

// TestRoutesBeside: HTTPRoutes of Overrides have no place at a host where the rules of other routes
// are in no order that follows from what they match.
func TestRoutesBeside(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*model.HTTPRoute)
		want   string
	}{
		"a hostname that meets theirs at a listener": {func(r *model.HTTPRoute) { r.Attached.Hostnames = []string{"*.example.com"} }, "HTTPRoutes with other hostnames have rules for the same requests"},
		"a GRPCRoute": {func(r *model.HTTPRoute) { r.GRPC, r.Rules = true, nil }, "GRPCRoute shop/other has rules for the same host"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			snapshot := atKubernetesGateway(t)
			snapshot.KubernetesGateways[0].Listeners[0].Hostname = "shop.example.com"
			result := compile.Compile(snapshot)
			other := snapshot.HTTPRoutes[0]
			other.Name = "other"
			test.change(&other)
			snapshot.HTTPRoutes = append(snapshot.HTTPRoutes, other)
			found := ""
			for _, f := range prove.Check(snapshot, &result).Failures {
				found += f.String() + "\n"
			}
			if !strings.Contains(found, test.want) {
				t.Errorf("it finds %q, want %q", found, test.want)
			}
		})
	}
}

// cloned copies what a test may change of tables.
func cloned(tables []route.Table) []route.Table {
	out := slices.Clone(tables)
	for i := range out {
		out[i].Routes = slices.Clone(out[i].Routes)
		for j := range out[i].Routes {
			r := &out[i].Routes[j]
			r.Matches, r.Destinations = slices.Clone(r.Matches), slices.Clone(r.Destinations)
		}
		if a := out[i].Attached; a != nil {
			out[i].Attached = &route.Attachment{Parents: slices.Clone(a.Parents), Hostnames: slices.Clone(a.Hostnames)}
		}
	}
	return out
}

// atKubernetesGateway reads a shop behind a Kubernetes Gateway, with two rules that compete.
func atKubernetesGateway(t *testing.T) *model.Snapshot {
	t.Helper()
	archive, err := txtar.ParseFile("../compile/testdata/kubernetes/compete.txtar")
	if err != nil {
		t.Fatal(err)
	}
	return archivetest.Snapshot(t, string(archive.Files[0].Data))
}
