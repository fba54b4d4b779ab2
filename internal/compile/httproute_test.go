package compile_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile"
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
		for _, document := range shopWithVersions {
			decode(t, objects, document)
		}
		snapshot, _ := objects.Snapshot(model.DefaultOptions())
		result, report := prove.Compile(snapshot)
		if len(report.Refused) > 0 {
			t.Fatalf("refused: %v", report.Refused)
		}
		for _, d := range result.Diagnostics {
			if d.Code == diag.GatewayRoutes {
				t.Skip("a gateway that does not follow overrides: ", d.Message)
			}
		}
		all := append(slices.Clone(users), rowsAt(t, &result, rapid.IntRange(0, 100).Draw(t, "age of ours"))...)
		for range 20 {
			request, asked := drawRequest(t)
			for _, host := range []string{"a.example.com", "b.example.com"} {
				before, after := taken(users, host, request), taken(all, host, request)
				if want := follow(before, asked); after != want {
					t.Fatalf("%s %s %v for %s: %q, want %q, which is %q without overrides", request.Method, request.Path, request.Header, host, after, want, before)
				}
			}
		}
	})
}

// shopWithVersions is two Services with versions behind Services of their own, and a gateway.
var shopWithVersions = func() []string {
	out := []string{`{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": {"name": "public", "namespace": "shop"}, "spec": {"gatewayClassName": "istio", "listeners": [{"name": "http", "port": 80, "protocol": "HTTP"}]}}`}
	for _, name := range []string{"cart", "cart-v2", "cart-v3", "web", "web-v2", "media"} {
		base, version, isolated := strings.Cut(name, "-")
		note := "{}"
		if isolated {
			note = fmt.Sprintf(`{"overrides.mesh/version-of": %q}`, base)
		} else {
			version = "v1"
		}
		out = append(out,
			fmt.Sprintf(`{"apiVersion": "v1", "kind": "Service", "metadata": {"name": %q, "namespace": "shop", "annotations": %s}, "spec": {"selector": {"app": %q}, "ports": [{"name": "http", "port": 80}]}}`, name, note, name),
			fmt.Sprintf(`{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": %q, "namespace": "shop", "labels": {"app": %q, "version": %q}}, "spec": {"containers": [{"name": "app", "image": "app"}]}, "status": {"phase": "Running", "conditions": [{"type": "Ready", "status": "True"}]}}`, name, name, version))
	}
	return out
}()

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
		var rules []map[string]any
		for range rapid.IntRange(1, 4).Draw(t, "rules") {
			rule := map[string]any{}
			does := rapid.SampledFrom([]string{"cart", "web", "media", "301"}).Draw(t, "backend")
			if does == "301" {
				rule["filters"] = []any{map[string]any{"type": "RequestRedirect", "requestRedirect": map[string]any{"hostname": "www.example.com", "statusCode": 301}}}
			} else {
				rule["backendRefs"] = []any{map[string]any{"name": does, "port": 80}}
			}
			var matches []any
			for range rapid.IntRange(1, 2).Draw(t, "matches") {
				match, read := drawHTTPMatch(t)
				matches = append(matches, match)
				out = append(out, attachedRule{hostnames: hostnames, created: 10 * (i + 1), match: read, does: does})
			}
			rule["matches"] = matches
			rules = append(rules, rule)
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

func drawHTTPMatch(t *rapid.T) (map[string]any, route.Match) {
	path := rapid.SampledFrom([][2]string{{"PathPrefix", "/"}, {"PathPrefix", "/x"}, {"Exact", "/x"}, {"RegularExpression", "/x.*"}, {"RegularExpression", "/[a-x]"}}).Draw(t, "path")
	ops := map[string]route.Op{"PathPrefix": route.PathPrefix, "Exact": route.Exact, "RegularExpression": route.Regex}
	out := map[string]any{"path": map[string]any{"type": path[0], "value": path[1]}}
	read := route.Match{URI: &route.StringMatch{Op: ops[path[0]], Value: path[1]}}
	if rapid.Bool().Draw(t, "of a method") {
		out["method"], read.Method = "POST", &route.StringMatch{Op: route.Exact, Value: "POST"}
	}
	headers, params := map[string]route.StringMatch{}, map[string]route.StringMatch{}
	for _, v := range []struct {
		field, name, kind string
		op                route.Op
		to                map[string]route.StringMatch
	}{
		{"headers", "x-beta", "Exact", route.Exact, headers}, {"headers", "baggage", "RegularExpression", route.Regex, headers}, {"queryParams", "q", "Exact", route.Exact, params},
	} {
		if !rapid.Bool().Draw(t, v.name) {
			continue
		}
		value := "1"
		if v.op == route.Regex {
			value = ".*a=.*"
		}
		list, _ := out[v.field].([]any)
		out[v.field] = append(list, map[string]any{"type": v.kind, "name": v.name, "value": value})
		v.to[v.name] = route.StringMatch{Op: v.op, Value: value}
	}
	read.Headers, read.QueryParams = route.NewMatchers(headers), route.NewMatchers(params)
	return out, read
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

// drawRequest draws a request, and the override that it asks for.
func drawRequest(t *rapid.T) (*route.Request, string) {
	asked := rapid.SampledFrom([]string{"", "cart:v2", "cart:v3", "web:v2", "cart:v9;strict", "*:v2", "*:v3", "*:v3;strict", "cart:v1", "nothing:v2", "cart:v9", "cart:v2, *:v3", "cart:v9;strict, *:v2"}).Draw(t, "asked")
	r := &route.Request{
		Method: rapid.SampledFrom([]string{"GET", "POST"}).Draw(t, "method"),
		Path:   rapid.SampledFrom([]string{"/", "/x", "/x/y", "/xy", "/a", "/x?q=1", "/?q=1"}).Draw(t, "path"),
		Header: map[string][]string{},
	}
	if rapid.Bool().Draw(t, "beta") {
		r.Header["x-beta"] = []string{"1"}
	}
	if rapid.Bool().Draw(t, "baggage") {
		r.Header["baggage"] = []string{"a=1"}
	}
	inBaggage := map[string]string{"cart:v2": "override.cart=v2", "web:v2": "override.web=v2", "*:v2": "override=v2"}
	if text := inBaggage[asked]; text != "" && rapid.Bool().Draw(t, "in baggage") {
		r.Header["baggage"] = append(r.Header["baggage"], text)
	} else if asked != "" {
		r.Header["x-override"] = strings.Split(asked, ", ")
	}
	return r, asked
}

// follow returns what becomes of a request with overrides that would be served by a Service.
func follow(service, asked string) string {
	versions := map[string][]string{"cart": {"v2", "v3"}, "web": {"v2"}}
	for _, set := range []bool{false, true} {
		for member := range strings.SplitSeq(asked, ", ") {
			member, parameter, strict := strings.Cut(member, ";")
			name, version, _ := strings.Cut(member, ":")
			has := slices.Contains(versions[service], version)
			switch {
			case versions[service] == nil || set != (name == "*") || name != "*" && name != service:
			case has:
				return service + "-" + version
			case strict && parameter == "strict" && version != "v1" && name != "*":
				return "500"
			}
		}
	}
	return service
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
