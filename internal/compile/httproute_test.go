package compile_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/route"
)

// attachedRule is a rule of an HTTPRoute with one match, as this test reads it.
type attachedRule struct {
	hostnames []string
	created   int
	match     route.Match
	// does is what becomes of a request: the Services that it goes to, or a status.
	does string
	ours bool
}

// TestOverridesAtKubernetesGateways: for HTTPRoutes with rules that compete, a request takes
// the user's rule that it took before, and of this rule the version that it asks for. The order
// of the rules is that of the Gateway API's specification of HTTPRouteRule, written down once
// more.
func TestOverridesAtKubernetesGateways(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		objects := &discover.Objects{Cluster: true}
		users := drawHTTPRoutes(t, objects)
		for _, document := range append(compiletest.ShopWithVersions(), publicGateway) {
			decode(t, objects, document)
		}
		snapshot, _ := objects.Snapshot(model.DefaultOptions())
		result, report := prove.Compile(snapshot)
		if len(report.Refused) > 0 {
			t.Fatalf("refused: %v", report.Refused)
		}
		for _, d := range result.Diagnostics {
			if d.Code == diag.GatewayRoutes || d.Code == diag.GatewayTooManyRules {
				t.Skip("a gateway that does not follow overrides: ", d.Message)
			}
		}
		all := append(slices.Clone(users), rowsAt(t, &result, rapid.IntRange(0, 100).Draw(t, "age of ours"))...)
		for range 20 {
			request, asked := compiletest.GatewayRequest(t)
			for _, host := range []string{"a.example.com", "b.example.com"} {
				before, after := taken(users, host, request), taken(all, host, request)
				if want := compiletest.Follow(before, asked); after != want {
					t.Fatalf("%s %s %v for %s: %q, want %q, which is %q without overrides", request.Method, request.Path, request.Header, host, after, want, before)
				}
			}
		}
	})
}

// publicGateway has all hosts.
const publicGateway = `{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "public", "namespace": "shop"}, "spec": {"gatewayClassName": "istio", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}}`

func decode(t *rapid.T, to *discover.Objects, document string) {
	if found := to.Decode([]byte(document), "shop", diag.Origin{}); len(found) > 0 {
		t.Fatalf("%s: %v", document, found)
	}
}

// drawHTTPRoutes adds HTTPRoutes of users, and returns their rules.
func drawHTTPRoutes(t *rapid.T, to *discover.Objects) []attachedRule {
	var out []attachedRule
	for i := range rapid.IntRange(1, 3).Draw(t, "routes") {
		hostnames := rapid.SampledFrom([][]string{{"a.example.com"}, {"b.example.com"}, {"a.example.com", "b.example.com"}}).Draw(t, "hostnames")
		rules, does := compiletest.HTTPRules(t)
		for j, rule := range rules {
			for _, match := range rule["matches"].([]any) {
				out = append(out, attachedRule{hostnames: hostnames, created: 10 * (i + 1), match: readHTTPMatch(match.(map[string]any)), does: does[j]})
			}
		}
		text, err := json.Marshal(map[string]any{
			"apiVersion": istio.GatewayAPIVersion, "kind": "HTTPRoute",
			"metadata": map[string]any{"name": fmt.Sprintf("route-%d", i), "namespace": "shop", "creationTimestamp": fmt.Sprintf("2026-01-01T00:00:%02dZ", 10*(i+1))},
			"spec":     map[string]any{"parentRefs": []any{map[string]any{"name": "public"}}, "hostnames": hostnames, "rules": rules},
		})
		if err != nil {
			t.Fatal(err)
		}
		decode(t, to, string(text))
	}
	return out
}

func readHTTPMatch(match map[string]any) route.Match {
	ops := map[string]route.Op{"PathPrefix": route.PathPrefix, "Exact": route.Exact, "RegularExpression": route.Regex}
	path := match["path"].(map[string]any)
	read := route.Match{URI: &route.StringMatch{Op: ops[path["type"].(string)], Value: path["value"].(string)}}
	if method, of := match["method"].(string); of {
		read.Method = &route.StringMatch{Op: route.Exact, Value: method}
	}
	values := func(field string) route.Matchers {
		list, _ := match[field].([]any)
		out := map[string]route.StringMatch{}
		for _, v := range list {
			v := v.(map[string]any)
			out[v["name"].(string)] = route.StringMatch{Op: ops[v["type"].(string)], Value: v["value"].(string)}
		}
		return route.NewMatchers(out)
	}
	read.Headers, read.QueryParams = values("headers"), values("queryParams")
	return read
}

// rowsAt returns the rules of the HTTPRoutes of Overrides.
func rowsAt(t *rapid.T, result *compile.Result, created int) []attachedRule {
	var out []attachedRule
	for i := range result.Tables {
		table := &result.Tables[i]
		if table.Attached == nil {
			continue
		}
		for _, r := range table.Routes {
			does := "500"
			if r.Response == nil {
				does = actionOf(t, r.Rule)
			}
			for _, m := range r.Matches {
				out = append(out, attachedRule{hostnames: table.Attached.Hostnames, created: created, match: m, does: does, ours: true})
			}
		}
	}
	return out
}

// actionOf reads what a rule does.
func actionOf(t *rapid.T, rule json.RawMessage) string {
	var in struct {
		BackendRefs []struct{ Name string }
		Filters     []struct{ Type string }
	}
	if err := json.Unmarshal(rule, &in); err != nil {
		t.Fatal(err)
	}
	if len(in.Filters) > 0 {
		return "301"
	}
	return in.BackendRefs[0].Name
}

// taken returns what the first rule for a host does that a request fits.
func taken(rules []attachedRule, host string, request *route.Request) string {
	sorted := slices.Clone(rules)
	slices.SortStableFunc(sorted, func(a, b attachedRule) int { return cmp.Compare(a.created, b.created) })
	slices.SortStableFunc(sorted, func(a, b attachedRule) int {
		return cmp.Or(cmp.Compare(kindOf(&a.match), kindOf(&b.match)), cmp.Compare(len(b.match.URI.Value), len(a.match.URI.Value)), cmp.Compare(methods(&b.match), methods(&a.match)),
			cmp.Compare(len(b.match.Headers), len(a.match.Headers)), cmp.Compare(len(b.match.QueryParams), len(a.match.QueryParams)))
	})
	for _, r := range sorted {
		if slices.Contains(r.hostnames, host) && r.match.Mismatch(request) == nil {
			return r.does
		}
	}
	return "404"
}

func kindOf(m *route.Match) int {
	return slices.Index([]route.Op{route.Exact, route.PathPrefix, route.Regex}, m.URI.Op)
}

func methods(m *route.Match) int {
	if m.Method == nil {
		return 0
	}
	return 1
}
