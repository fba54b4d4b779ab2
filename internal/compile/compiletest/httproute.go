package compiletest

import (
	"fmt"
	"slices"
	"strings"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/route"
)

// ShopWithVersions are manifests of three Services, two of which have versions behind Services
// of their own.
func ShopWithVersions() []string {
	var out []string
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
}

// Follow returns what becomes of a request with overrides that would be served by a Service
// of [ShopWithVersions]: the name of a Service, or "500".
func Follow(service, asked string) string {
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

// GatewayRequest draws a request to [ShopWithVersions], and the override that it asks for.
func GatewayRequest(t *rapid.T) (*route.Request, string) {
	asked := rapid.SampledFrom([]string{"", "cart:v2", "cart:v3", "web:v2", "cart:v9;strict", "*:v2", "*:v3", "*:v3;strict", "cart:v1", "nothing:v2", "cart:v9", "cart:v2, *:v3", "cart:v9;strict, *:v2"}).Draw(t, "asked")
	r := &route.Request{
		Method: rapid.SampledFrom([]string{"GET", "POST"}).Draw(t, "method"),
		Path:   rapid.SampledFrom([]string{"/", "/x", "/x/y", "/xy", "/a", "/x?q=1", "/?q=1", "/?q=2"}).Draw(t, "path"),
		Header: map[string][]string{},
	}
	if beta := rapid.SampledFrom([]string{"", "1", "2", "3"}).Draw(t, "beta"); beta != "" {
		r.Header["x-beta"] = []string{beta}
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

// HTTPRules draws the rules of an HTTPRoute that leads to [ShopWithVersions], and what becomes of
// the requests that fit each: the name of a Service, or "301". They often compete.
func HTTPRules(t *rapid.T) ([]map[string]any, []string) {
	var rules []map[string]any
	var does []string
	for range rapid.IntRange(1, 4).Draw(t, "rules") {
		rule := map[string]any{}
		to := rapid.SampledFrom([]string{"cart", "web", "media", "301"}).Draw(t, "backend")
		if to == "301" {
			rule["filters"] = []any{map[string]any{"type": "RequestRedirect", "requestRedirect": map[string]any{"hostname": "www.example.com", "statusCode": 301}}}
		} else {
			rule["backendRefs"] = []any{map[string]any{"name": to, "namespace": "shop", "port": 80}}
		}
		var matches []any
		for range rapid.IntRange(1, 2).Draw(t, "matches") {
			matches = append(matches, httpMatch(t))
		}
		rule["matches"] = matches
		rules, does = append(rules, rule), append(does, to)
	}
	return rules, does
}

func httpMatch(t *rapid.T) map[string]any {
	path := rapid.SampledFrom([][2]string{{"PathPrefix", "/"}, {"PathPrefix", "/x"}, {"Exact", "/x"}, {"RegularExpression", "/x.*"}, {"RegularExpression", "/[a-x]"}}).Draw(t, "path")
	out := map[string]any{"path": map[string]any{"type": path[0], "value": path[1]}}
	if rapid.Bool().Draw(t, "of a method") {
		out["method"] = "POST"
	}
	for _, v := range []struct {
		field, name, kind string
		values            []string
	}{
		{"headers", "x-beta", "Exact", []string{"", "1", "2"}},
		{"headers", "baggage", "RegularExpression", []string{"", ".*a=.*"}},
		{"queryParams", "q", "Exact", []string{"", "1", "2"}},
	} {
		if value := rapid.SampledFrom(v.values).Draw(t, v.name); value != "" {
			list, _ := out[v.field].([]any)
			out[v.field] = append(list, map[string]any{"type": v.kind, "name": v.name, "value": value})
		}
	}
	return out
}
