package prove

import (
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/route"
)

// step is one route that a kind of request may take.
type step struct {
	match string
	route *mesh.Route
}

// routes compares the routes of a virtual host without the objects of Overrides with
// those with them, which may be a table.
func (p *pair) routes(domain string, before, after *mesh.VirtualHost) {
	if before.Source != nil && before.Source.Problem != nil {
		p.fail(domain, after, "the routes of %s are not known: %v", before.Source.Object, before.Source.Problem)
		return
	}
	if after.Source != nil && after.Source.Problem != nil {
		p.fail(domain, after, "requests take %s now, and would take %s", describe(before), describe(after))
		return
	}
	var last [2][]step
	for _, kind := range []request{plain, others} {
		var theirs, now []step
		for i := range before.Routes {
			if r := &before.Routes[i]; p.fits(r, kind) {
				theirs = append(theirs, step{text(r.Match, r.Match.WithoutHeaders), r})
			}
		}
		for i := range after.Routes {
			r := &after.Routes[i]
			if match, fits := p.meets(r, kind); fits && p.fits(r, kind) {
				now = append(now, step{match, r})
			}
		}
		theirs, now = reached(theirs), reached(now)
		p.report.Compared.Routes += len(theirs)
		if alike(theirs, last[0]) && alike(now, last[1]) {
			continue // these take the routes of plain requests
		}
		last = [2][]step{theirs, now}
		if why := p.same(theirs, now); why != "" {
			p.fail(domain, after, "%s", why)
			return
		}
		for _, s := range now {
			p.there(domain, before, after, s.route)
		}
	}
	for i := range after.Routes {
		if r := &after.Routes[i]; r.NeedsOverride {
			p.there(domain, before, after, r)
		}
	}
}

// reached returns those routes that a request can reach: none after one with the same
// match, or after one that matches everything.
func reached(in []step) []step {
	if i := slices.IndexFunc(in, func(s step) bool { return s.match == "" }); i >= 0 {
		in = in[:i+1]
	}
	if len(in) < 2 {
		return in
	}
	seen := make(map[string]bool, len(in))
	return slices.DeleteFunc(in, func(s step) bool {
		if seen[s.match] {
			return true
		}
		seen[s.match] = true
		return false
	})
}

// alike reports whether two lists of routes are equal because they share their content.
// If this is not visible, they are compared.
func alike(a, b []step) bool {
	return slices.EqualFunc(a, b, func(x, y step) bool {
		r, s := x.route, y.route
		return x.match == y.match && r.HTTP == s.HTTP && r.Response == s.Response && isOwn(r) == isOwn(s) &&
			len(r.Mirrors)+len(s.Mirrors) == 0 && len(r.Destinations) == len(s.Destinations) &&
			(len(r.Destinations) == 0 || &r.Destinations[0] == &s.Destinations[0])
	})
}

// same describes how two lists of routes differ; "" if they don't.
func (p *pair) same(before, after []step) string {
	for i := range max(len(before), len(after)) {
		switch {
		case i >= len(after):
			return fmt.Sprintf("the user's route %s is missing", name(before[i].route, i))
		case i >= len(before):
			return fmt.Sprintf("route %s is not the user's", name(after[i].route, i))
		case before[i].match != after[i].match:
			return fmt.Sprintf("route %s would take other requests than the user's route %s", name(after[i].route, i), name(before[i].route, i))
		}
		if why := p.sameAction(before[i].route, after[i].route); why != "" {
			return fmt.Sprintf("route %s: %s", name(before[i].route, i), why)
		}
	}
	return ""
}

func name(r *mesh.Route, i int) string {
	switch {
	case r.Row() != nil:
		return r.Row().Name
	case r.HTTP.GetName() != "":
		return r.HTTP.GetName()
	}
	return fmt.Sprintf("%d", i+1)
}

// there fails for clusters that r names and callers don't have, unless a route without
// the objects of Overrides already names them.
func (p *pair) there(domain string, before, after *mesh.VirtualHost, r *mesh.Route) {
	for _, list := range [][]route.Destination{r.Destinations, r.Mirrors} {
		for i := range list {
			to := p.after.Cluster(p.class, p.port, &list[i])
			if p.after.Exists(p.class, to) || p.dangles(before, r, to) {
				continue
			}
			p.fail(domain, after, "route %s would lead to %s, which callers don't have%s", name(r, r.Index), clusterName(to), p.notExported(to.Host))
			return
		}
	}
}

// notExported says that a Service is not exported to all namespaces, if that is so, which is
// most likely why callers don't have it.
func (p *pair) notExported(host string) string {
	for i := range p.snapshot.Services {
		s := &p.snapshot.Services[i]
		if len(s.ExportTo) == 0 || slices.Contains(s.ExportTo, "*") || p.mesh.FQDN(s.Name, s.Namespace) != host {
			continue
		}
		place := ""
		if at := s.Origin.String(); at != "" {
			place = " (" + at + ")"
		}
		return fmt.Sprintf(": %s%s has the annotation networking.istio.io/exportTo: %s", s.Object(), place, strings.Join(s.ExportTo, ","))
	}
	return ""
}

func clusterName(c mesh.Cluster) string {
	if c.Subset == "" {
		return fmt.Sprintf("%s:%d", c.Host, c.Port)
	}
	return fmt.Sprintf("subset %s of %s:%d", c.Subset, c.Host, c.Port)
}

// dangles reports whether a cluster that callers don't have, or the whole Service of it,
// is also named without the objects of Overrides; for an override, whether the port is
// one that the user's own destination does not have either.
func (p *pair) dangles(before *mesh.VirtualHost, r *mesh.Route, c mesh.Cluster) bool {
	override := r.NeedsOverride
	for i := range before.Routes {
		for _, d := range destinationsOf(&before.Routes[i]) {
			to := p.before.Cluster(p.class, p.port, &d)
			if p.before.Exists(p.class, to) {
				continue
			}
			if to == c || (to.Host == c.Host && to.Port == c.Port && to.Subset == "") || (override && to.Port == c.Port && !p.before.Exists(p.class, mesh.Cluster{Host: to.Host, Port: to.Port})) {
				return true
			}
		}
	}
	return false
}

// objectNames joins the names of objects.
func objectNames(objects []diag.Object) string {
	names := make([]string, 0, len(objects))
	for _, o := range objects {
		names = append(names, o.String())
	}
	return strings.Join(names, ", ")
}
