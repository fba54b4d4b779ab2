package oracle

import (
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
)

// TestVirtualHost covers domains that istiod rarely writes for sidecars but Envoy
// distinguishes.
func TestVirtualHost(t *testing.T) {
	t.Parallel()
	hosts := []*routev3.VirtualHost{
		{Name: "any", Domains: []string{"*"}},
		{Name: "suffix", Domains: []string{"*.example.com"}},
		{Name: "longer suffix", Domains: []string{"*.a.example.com"}},
		{Name: "prefix", Domains: []string{"x.b.*"}},
		{Name: "exact", Domains: []string{"A.example.com", "[::1]", "10.0.0.1"}},
	}
	for authority, want := range map[string]string{
		"a.example.com":      "exact",
		"a.Example.com:8080": "exact",
		"[::1]:80":           "exact",
		"[::1]":              "exact",
		"10.0.0.1:1":         "exact",
		"b.example.com":      "suffix",
		".example.com":       "any",
		"x.a.example.com":    "longer suffix",
		"x.b.example.com":    "suffix",
		"x.b.example.org":    "prefix",
		"a.example.comx":     "any",
		"a.example.com:http": "any",
	} {
		routes := &routev3.RouteConfiguration{VirtualHosts: hosts, IgnorePortInHostMatching: true}
		if got := virtualHost(routes, authority); got.Name != want {
			t.Errorf("%s: %s, want %s", authority, got.Name, want)
		}
	}
	routes := &routev3.RouteConfiguration{VirtualHosts: hosts[1:]}
	if got := virtualHost(routes, "a.example.com:80"); got != nil {
		t.Errorf("with its port: %s, want none", got.Name)
	}
}
