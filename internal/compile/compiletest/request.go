package compiletest

import (
	"strings"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/route"
)

// Request generates requests that often fit what Snapshot generates for the same
// shapes. With carriers, some carry overrides, well and badly formed.
//
// The authority of a Plain request is "cart", whoever is meant: tests say which
// Service that is.
func Request(carriers bool, shapes ...Shapes) *rapid.Generator[*route.Request] {
	allowed := union(shapes)
	return rapid.Custom(func(t *rapid.T) *route.Request {
		r := plainRequest(t, carriers)
		if allowed != Plain {
			d := &draw{t: t, on: allowed}
			d.request(r)
		}
		return r
	})
}

// request has a request come from anywhere, for anything, and fit rarer matches.
func (d *draw) request(r *route.Request) {
	r.Authority = d.authority()
	r.Port = pick[uint32](d, "to port", 80, 80, 80, 9090, 8080, 9080, 6379)
	r.Method = pick(d, "method", "GET", "POST", "DELETE", "OPTIONS")
	r.Path = pick(d, "path", "/", "/api", "/API", "/api/v2/x", "/api/", "/apiary?q=1", "/?q=12", "/?q=&r=2", "/old")
	// The namespace "nowhere" is one that no object names.
	r.Caller.Namespace = pick(d, "caller namespace", "shop", "lab", front, rootNamespace, "nowhere")
	r.Caller.Labels["app"] = pick(d, "caller app", "cart", "web", "prober")
	if d.oneIn(3, "role") {
		r.Caller.Labels["role"] = "admin"
	}
	if d.oneIn(3, "track") {
		r.Caller.Labels["track"] = "stable"
	}
	if d.oneIn(3, "caller version") {
		r.Caller.Labels["version"] = pick(d, "version of the caller", "v1", "v2")
	}
	if d.oneIn(3, "other header") {
		for _, h := range some(d, "headers", 1, 2, "x-user", "x-team", "x-blocked", "baggage") {
			r.Header[h] = append(r.Header[h], pick(d, h, "ann", "anna", "k=v", "k=v,x-canary=true", "tenant=100", "tenant=190", ""))
		}
	}
}

// authority draws a name that a generated host, alias or alternative domain may be.
func (d *draw) authority() string {
	f := d.focus()
	pool := []string{f.name, fqdn(f.name, f.namespace), f.name + "." + f.namespace, f.name + "." + f.namespace + ".svc"}
	if d.has(Spellings) {
		pool = append(pool, strings.ToUpper(fqdn(f.name, f.namespace)), fqdn(f.name, f.namespace)+":80")
	}
	if d.has(PublicNames | Wildcards | Gateways) {
		pool = append(pool, "front.example.com", "shop.example.com", "other.example.com")
	}
	if d.has(Aliases) {
		pool = append(pool, "alias", "alias.shop", fqdn("alias", "shop"), fqdn("alias", "lab"), "alias-2.shop.svc")
	}
	if d.has(ServiceEntries) {
		pool = append(pool, "cart.internal")
	}
	if d.has(Names) {
		pool = append(pool, "3scale.shop", fqdn("cart-hosts", "shop"))
	}
	return pick(d, "authority", pool...)
}

func plainRequest(t *rapid.T, carriers bool) *route.Request {
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
	if !carriers {
		return r
	}
	if rapid.IntRange(0, 3).Draw(t, "hasOverride") > 0 {
		r.Header["x-override"] = Carrier().Draw(t, "override")
	}
	if rapid.IntRange(0, 3).Draw(t, "hasBaggageOverride") == 0 {
		key := "override." + rapid.SampledFrom(names).Draw(t, "baggageName")
		if rapid.IntRange(0, 3).Draw(t, "baggageSet") == 0 {
			key = rapid.SampledFrom([]string{"override", "override.*.shop"}).Draw(t, "baggageSetKey")
		}
		r.Header["baggage"] = append(r.Header["baggage"], key+"="+rapid.SampledFrom(versions).Draw(t, "baggageVersion"))
	}
	return r
}

// Carrier generates the lines of an override header.
func Carrier() *rapid.Generator[[]string] {
	member := rapid.Custom(func(t *rapid.T) string {
		name := rapid.SampledFrom([]string{"cart", "web", "cart.shop", "web.lab", "xcart", "cart.nowhere", "*", "*", "*.shop", "*.nowhere"}).Draw(t, "name")
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
