package compiletest

import "strings"

// focus is the Service that a VirtualService or a rule is about.
type focus struct{ name, namespace string }

func (d *draw) focus() focus {
	return focus{pick(d, "about", "cart", "cart", "web"), pick(d, "of namespace", "shop", "shop", "shop", "lab")}
}

// spelling is the usual name of f in an object of some namespace.
func (f focus) spelling(namespace string) string {
	if f.namespace == namespace {
		return f.name
	}
	return fqdn(f.name, f.namespace)
}

// hosts draws the hosts of a VirtualService about f.
func (d *draw) hosts(f focus, namespace string) []string {
	full := fqdn(f.name, f.namespace)
	usual := f.spelling(namespace)
	pool := []string{usual, usual, usual}
	if d.has(Spellings) {
		pool = append(pool, f.name+"."+f.namespace, f.name+"."+f.namespace+".svc", full, strings.ToUpper(f.name)+full[len(f.name):], strings.ToUpper(full))
	}
	if d.has(PartialNames) {
		pool = append(pool, "web.shop", "web.shop.svc", "web.lab")
	}
	if d.has(PublicNames) {
		pool = append(pool, "front.example.com", "front.example.com", "shop.example.com")
	}
	if d.has(Wildcards) {
		pool = append(pool, "*.shop.svc.cluster.local", "*.local", "*.svc.cluster.local", "*.example.com")
	}
	if d.has(Aliases) {
		pool = append(pool, fqdn("alias", "shop"), fqdn("alias", "lab"), "alias", "alias-2")
	}
	if d.has(ServiceEntries) {
		pool = append(pool, "cart.internal")
	}
	if d.has(Names) {
		pool = append(pool, fqdn("3scale", "shop"))
	}
	most := 2
	if d.has(Spellings | PublicNames) {
		most = 3
	}
	others := some(d, "further hosts", 0, most-1, unique(pool)...)
	return withoutOverlap(append([]string{pick(d, "host", pool...)}, others...))
}

// withoutOverlap leaves out hosts that an earlier one covers or that cover an
// earlier one: Istio refuses those as duplicates.
func withoutOverlap(hosts []string) []string {
	var out []string
	for _, h := range hosts {
		overlaps := false
		for _, o := range out {
			overlaps = overlaps || covers(o, h) || covers(h, o)
		}
		if !overlaps {
			out = append(out, h)
		}
	}
	return out
}

// covers reports whether a host is a wildcard for another one, or the same.
func covers(wide, narrow string) bool {
	suffix, isWildcard := strings.CutPrefix(wide, "*")
	return wide == narrow || isWildcard && strings.HasSuffix(narrow, suffix)
}

// unique returns values without repetitions, in order.
func unique(values []string) []string {
	seen := map[string]bool{}
	var out []string
	for _, v := range values {
		if !seen[v] {
			seen[v] = true
			out = append(out, v)
		}
	}
	return out
}

// destination draws a host that a route about f leads to or mirrors to.
func (d *draw) destination(f focus, namespace string) string {
	usual := f.spelling(namespace)
	pool := []string{usual, usual, usual, usual, fqdn("cart", "shop"), fqdn("web", "shop")}
	if d.has(Spellings) {
		pool = append(pool, f.name+"."+f.namespace, fqdn(f.name, f.namespace))
	}
	if d.has(Aliases) {
		pool = append(pool, fqdn("alias", "shop"), fqdn("alias", "shop"), "alias", fqdn("alias-2", "shop"), fqdn("alias", "lab"))
	}
	if d.has(ServiceEntries) {
		pool = append(pool, "cart.internal")
	}
	if d.has(PublicNames) {
		pool = append(pool, "elsewhere.example.com")
	}
	return pick(d, "destination", pool...)
}
