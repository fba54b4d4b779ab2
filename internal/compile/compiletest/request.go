package compiletest

import (
	"strings"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/route"
)

// Request generates requests that often fit the generated matches. With
// carriers, some carry overrides, well and badly formed.
func Request(carriers bool) *rapid.Generator[*route.Request] {
	return rapid.Custom(func(t *rapid.T) *route.Request {
		r := &route.Request{
			Method: rapid.SampledFrom([]string{"GET", "POST", "DELETE"}).Draw(t, "method"),
			Scheme: "http", Authority: "cart",
			Path:   rapid.SampledFrom([]string{"/", "/api", "/API", "/api/v2/x", "/apiary?q=1", "/?q=12"}).Draw(t, "path"),
			Port:   rapid.SampledFrom([]uint32{80, 80, 80, 9090}).Draw(t, "port"),
			Header: map[string][]string{},
			Caller: route.Caller{
				Namespace: rapid.SampledFrom(namespaces).Draw(t, "namespace"),
				Labels:    map[string]string{"app": rapid.SampledFrom(names).Draw(t, "app")},
			},
		}
		if rapid.Bool().Draw(t, "hasUser") {
			r.Header["x-user"] = []string{rapid.SampledFrom([]string{"ann", "anna", "bob", ""}).Draw(t, "user")}
		}
		if rapid.IntRange(0, 3).Draw(t, "hasBaggage") == 0 {
			r.Header["baggage"] = []string{rapid.SampledFrom([]string{"k=v", "k=v,other=1", "x"}).Draw(t, "baggage")}
		}
		if carriers {
			if rapid.IntRange(0, 3).Draw(t, "hasOverride") > 0 {
				r.Header["x-override"] = Carrier().Draw(t, "override")
			}
			if rapid.IntRange(0, 3).Draw(t, "hasBaggageOverride") == 0 {
				member := "override." + rapid.SampledFrom(names).Draw(t, "baggageName") + "=" + rapid.SampledFrom(versions).Draw(t, "baggageVersion")
				r.Header["baggage"] = append(r.Header["baggage"], member)
			}
		}
		return r
	})
}

// Carrier generates the lines of an override header.
func Carrier() *rapid.Generator[[]string] {
	member := rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"cart", "web", "cart.shop", "web.lab", "xcart", "cart.nowhere"}).Draw(t, "name")
		var m strings.Builder
		m.WriteString(name + ":" + rapid.SampledFrom(append([]string{"v9", "v2-"}, versions...)).Draw(t, "version"))
		parameters := []string{"strict", "from=cart", "from=web", "from=nobody", "method=GET", "method=PUT", "unknown=1"}
		for _, p := range rapid.SliceOfN(rapid.SampledFrom(parameters), 0, 2).Draw(t, "parameters") {
			m.WriteString(rapid.SampledFrom([]string{";", " ;", ";\t"}).Draw(t, "separator") + p)
		}
		return m.String()
	})
	return rapid.Custom(func(t *rapid.T) []string {
		var lines []string
		for range rapid.IntRange(1, 2).Draw(t, "lines") {
			lines = append(lines, strings.Join(rapid.SliceOfN(member, 1, 3).Draw(t, "members"), rapid.SampledFrom([]string{",", ", "}).Draw(t, "comma")))
		}
		return lines
	})
}
