//go:build !istio_1_30

package validate_test

import (
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"
)

// TestEachCharacter: each character, at each place of each kind of name or value, is
// accepted or rejected as by Istio.
func TestEachCharacter(t *testing.T) {
	t.Parallel()
	route := func(change func(*istioapi.HTTPRoute, *istioapi.HTTPMatchRequest)) spec {
		m := &istioapi.HTTPMatchRequest{}
		r := &istioapi.HTTPRoute{
			Match: []*istioapi.HTTPMatchRequest{m},
			Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: "web"}}},
		}
		change(r, m)
		return &istioapi.VirtualService{Hosts: []string{"web"}, Http: []*istioapi.HTTPRoute{r}}
	}
	regex := func(s string) *istioapi.StringMatch {
		return &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Regex{Regex: s}}
	}
	operations := func(o *istioapi.Headers_HeaderOperations) *istioapi.Headers { return &istioapi.Headers{Request: o} }
	for name, with := range map[string]func(string) spec{
		"host": func(s string) spec {
			return &istioapi.VirtualService{Hosts: []string{s}, Http: []*istioapi.HTTPRoute{{Redirect: &istioapi.HTTPRedirect{Uri: "/"}}}}
		},
		"gateway": func(s string) spec {
			return &istioapi.VirtualService{Hosts: []string{"web"}, Gateways: []string{"shop/" + s, s}, Http: []*istioapi.HTTPRoute{{Redirect: &istioapi.HTTPRedirect{Uri: "/"}}}}
		},
		"header": func(s string) spec {
			return route(func(_ *istioapi.HTTPRoute, m *istioapi.HTTPMatchRequest) {
				m.Headers = map[string]*istioapi.StringMatch{s: {}}
			})
		},
		"pattern": func(s string) spec {
			return route(func(_ *istioapi.HTTPRoute, m *istioapi.HTTPMatchRequest) { m.Uri = regex(s) })
		},
		"class of a pattern": func(s string) spec {
			return route(func(_ *istioapi.HTTPRoute, m *istioapi.HTTPMatchRequest) { m.Uri = regex("[" + s + "]") })
		},
		"escaped in a pattern": func(s string) spec {
			return route(func(_ *istioapi.HTTPRoute, m *istioapi.HTTPMatchRequest) { m.Uri = regex(`\` + s) })
		},
		"source label": func(s string) spec {
			return route(func(_ *istioapi.HTTPRoute, m *istioapi.HTTPMatchRequest) { m.SourceLabels = map[string]string{s: ""} })
		},
		"source label's value": func(s string) spec {
			return route(func(_ *istioapi.HTTPRoute, m *istioapi.HTTPMatchRequest) { m.SourceLabels = map[string]string{"a": s} })
		},
		"source namespace": func(s string) spec {
			return route(func(_ *istioapi.HTTPRoute, m *istioapi.HTTPMatchRequest) { m.SourceNamespace = s })
		},
		"destination": func(s string) spec {
			return route(func(r *istioapi.HTTPRoute, _ *istioapi.HTTPMatchRequest) { r.Route[0].Destination.Host = s })
		},
		"subset": func(s string) spec {
			return route(func(r *istioapi.HTTPRoute, _ *istioapi.HTTPMatchRequest) { r.Route[0].Destination.Subset = s })
		},
		"changed header": func(s string) spec {
			return route(func(r *istioapi.HTTPRoute, _ *istioapi.HTTPMatchRequest) {
				r.Headers = operations(&istioapi.Headers_HeaderOperations{Set: map[string]string{s: ""}})
			})
		},
		"changed header's value": func(s string) spec {
			return route(func(r *istioapi.HTTPRoute, _ *istioapi.HTTPMatchRequest) {
				r.Headers = operations(&istioapi.Headers_HeaderOperations{Set: map[string]string{"x": s}})
			})
		},
		"a variable in a header's value": func(s string) spec {
			return route(func(r *istioapi.HTTPRoute, _ *istioapi.HTTPMatchRequest) {
				r.Headers = operations(&istioapi.Headers_HeaderOperations{Set: map[string]string{"x": `%V(["x"` + s + `])%`, "y": "%V" + s + "(x)%", "z": "%V(" + s + `["x"])%`}})
			})
		},
		"removed header": func(s string) spec {
			return route(func(r *istioapi.HTTPRoute, _ *istioapi.HTTPMatchRequest) {
				r.Headers = operations(&istioapi.Headers_HeaderOperations{Remove: []string{s}})
			})
		},
		"CORS header": func(s string) spec {
			return route(func(r *istioapi.HTTPRoute, _ *istioapi.HTTPMatchRequest) {
				r.CorsPolicy = &istioapi.CorsPolicy{ExposeHeaders: []string{s}}
			})
		},
		"retryOn": func(s string) spec {
			return route(func(r *istioapi.HTTPRoute, _ *istioapi.HTTPMatchRequest) {
				r.Retries = &istioapi.HTTPRetry{Attempts: 1, RetryOn: "5xx" + s + "reset"}
			})
		},
		"rule": func(s string) spec { return &istioapi.DestinationRule{Host: s} },
		"rule's subset": func(s string) spec {
			return &istioapi.DestinationRule{Host: "web", Subsets: []*istioapi.Subset{{Name: s, Labels: map[string]string{"a/b": s}}}}
		},
		"label with a domain": func(s string) spec {
			return &istioapi.DestinationRule{Host: "web", Subsets: []*istioapi.Subset{{Name: "a", Labels: map[string]string{s + "/b": "x"}}}}
		},
		"exportTo": func(s string) spec { return &istioapi.DestinationRule{Host: "web", ExportTo: []string{s}} },
		"tunnel": func(s string) spec {
			return &istioapi.DestinationRule{Host: "web", TrafficPolicy: &istioapi.TrafficPolicy{Tunnel: &istioapi.TrafficPolicy_TunnelSettings{TargetHost: s, TargetPort: 1}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for r := range rune(0x180) {
				for _, s := range []string{string(r), string(r) + "a", "a" + string(r), "a" + string(r) + "b", "a" + string(r) + string(r) + "b", "1" + string(r) + "2"} {
					x := with(s)
					if problems, err := rules(x), refuses(x, 1); (err != nil) != (len(problems) > 0) {
						t.Errorf("%q: Istio: %v, ours: %v", s, err, problems)
					}
				}
			}
		})
	}
}
