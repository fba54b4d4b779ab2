package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// At Kubernetes Gateways the tables are HTTPRoutes beside those of users, with the same
// parents and hostnames. What an HTTPRoute can't say decides about their rows:
//
//	it has no                            so there is
//	-----------------------------------  ---------------------------------------------------
//	order: what a rule matches decides   a number of headers for each row (see rank.go)
//	absence of a header                  no ordinary row, and no pin
//	subsets                              a row only for versions with Services of their own
//	more than 16 rules                   an object for each version, or several
//
// A rule for requests without an override matches none of these rows.

// attacher makes the tables of HTTPRoutes.
type attacher struct {
	*drafter

	// problems says why no HTTPRoute of Overrides can stand beside one of a user's, and refused
	// why some of its gateways follow no overrides.
	problems, refused map[*model.HTTPRoute]string
	// attached has the gateways that follow overrides.
	attached map[*model.HTTPRoute]*route.Attachment
	tables   []route.Table
}

// attachTables makes the tables of all HTTPRoutes that lead to versions with Services of
// their own, sorted.
func attachTables(ix *index, all *services, r *reporter) []route.Table {
	x := &attacher{
		drafter: &drafter{ix, all, r}, problems: map[*model.HTTPRoute]string{}, refused: map[*model.HTTPRoute]string{},
		attached: map[*model.HTTPRoute]*route.Attachment{},
	}
	routes := ix.httpRoutes()
	for i := range routes {
		x.attach(&routes[i])
	}
	for _, group := range x.groups() {
		x.group(group)
	}
	x.nameAll()
	for i := range routes {
		x.reportRoute(&routes[i])
	}
	reportIngresses(ix, all, r)
	x.reportCost()
	return x.tables
}

// attach finds the gateways of an HTTPRoute that follow overrides.
func (x *attacher) attach(r *model.HTTPRoute) {
	out := &route.Attachment{Hostnames: r.Attached.Hostnames}
	for _, p := range r.Attached.Parents {
		if why := x.ix.refuses(&p); why != "" {
			x.refused[r] = cmp.Or(x.refused[r], why)
			continue
		}
		out.Parents = append(out.Parents, p)
	}
	if len(out.Parents) == 0 {
		return
	}
	x.attached[r] = out
	header := x.ix.options.Header
	switch {
	case len(r.Unknown) > 0:
		x.problems[r] = r.Object().String() + " has unknown fields: " + enumerate(r.Unknown)
	case slices.ContainsFunc(r.Rules, func(rule model.HTTPRule) bool { return usesHeader(rule.Matches, header) }):
		x.problems[r] = r.Object().String() + " matches header " + header + " itself"
	}
}

// refuses says why a Gateway or ListenerSet follows no overrides; empty if it does.
func (ix *index) refuses(p *route.Parent) string {
	g := ix.kubernetesGateway(p)
	switch {
	case g == nil:
		return fmt.Sprintf("%s %s/%s is not known", p.Kind, p.Namespace, p.Name)
	case g.Controller == "":
		return fmt.Sprintf("GatewayClass %s of %s is not known", g.Class, g.Object())
	case g.Ignored != "":
		return g.Ignored
	case g.Controller == istioController:
		return ""
	}
	if what := otherControllers[g.Controller]; what != "" {
		return fmt.Sprintf("%s is %s (GatewayClass %s)", g.Object(), what, g.Class)
	}
	return fmt.Sprintf("%s is not Istio's, but of %s (GatewayClass %s)", g.Object(), g.Controller, g.Class)
}

const istioController = "istio.io/gateway-controller"

// otherControllers are those of Istio whose gateways are no Envoys that follow HTTPRoutes as
// an ingress gateway does.
var otherControllers = map[string]string{
	"istio.io/unmanaged-gateway":                "a gateway of another cluster",
	"istio.io/mesh-controller":                  "a waypoint",
	"istio.io/eastwest-controller":              "an east-west gateway",
	"istio.io/agentgateway-controller":          "an agentgateway, which is no Envoy",
	"istio.io/agentgateway-waypoint-controller": "an agentgateway, which is no Envoy",
}

// groups divides HTTPRoutes so that those with a host in common are in one group.
func (x *attacher) groups() [][]*model.HTTPRoute {
	var out [][]*model.HTTPRoute
	routes := x.ix.httpRoutes()
	for i := range routes {
		r := &routes[i]
		if x.attached[r] == nil {
			continue
		}
		joined := []*model.HTTPRoute{r}
		out = slices.DeleteFunc(out, func(group []*model.HTTPRoute) bool {
			meets := slices.ContainsFunc(group, func(o *model.HTTPRoute) bool { return x.shareHost(o, r) })
			if meets {
				joined = append(group, joined...)
			}
			return meets
		})
		out = append(out, joined)
	}
	return out
}

// shareHost reports whether some gateway has one list of the rules of both.
func (x *attacher) shareHost(a, b *model.HTTPRoute) bool {
	hosts := mesh.HostsOf(x.attached[b])
	return slices.ContainsFunc(mesh.HostsOf(x.attached[a]), func(h mesh.KubernetesHost) bool {
		return slices.ContainsFunc(hosts, func(o mesh.KubernetesHost) bool { return h.Parent == o.Parent && h.Hostname == o.Hostname })
	})
}

// group makes the tables of HTTPRoutes with hosts in common: either all of them or none.
func (x *attacher) group(group []*model.HTTPRoute) {
	var rules []mesh.AttachedRule
	why := ""
	for _, r := range group {
		rules = append(rules, mesh.RulesOf(r)...)
		why = cmp.Or(why, x.problems[r])
	}
	mesh.SortRules(rules, mesh.Order{})
	var ranked []*rankedRule
	if why == "" {
		ranked, why = x.rank(rules)
	}
	if why != "" {
		for _, r := range group {
			x.problems[r] = why
		}
		return
	}
	for _, r := range group {
		x.tablesOf(r, ranked)
	}
}

// tablesOf makes the tables of one HTTPRoute: one for each version with rows of its own, and
// one for all other rows.
func (x *attacher) tablesOf(r *model.HTTPRoute, ranked []*rankedRule) {
	p := &packer{attacher: x, of: r, byName: map[string]*packed{}}
	for i := range r.Rules {
		for _, u := range ranked {
			if u.Rule == &r.Rules[i] {
				p.add(i, u)
			}
		}
	}
	x.tables = append(x.tables, p.tables()...)
}

// nameAll names the tables, and leaves out those that can't have their name or that a proof
// has rejected.
func (x *attacher) nameAll() {
	claims := make([]wanted, len(x.tables))
	for i := range x.tables {
		t := &x.tables[i]
		claims[i] = wanted{namespace: t.Namespace, wants: []string{t.Name}, key: t.Owner + " " + t.Name}
	}
	foreign := func(namespace, name string) bool {
		return x.ix.foreign[diag.Object{Kind: "HTTPRoute", Namespace: namespace, Name: name}]
	}
	none := func(string, string) bool { return false }
	for i, name := range uniqueNames(claims, none, foreign) {
		x.tables[i].Name = name
	}
	x.tables = filter(x.tables, func(t route.Table) bool {
		object := diag.Object{Kind: "HTTPRoute", Namespace: t.Namespace, Name: t.Name}
		owner := diag.Object{Kind: "HTTPRoute", Namespace: t.Namespace, Name: t.Owner}
		if why, rejected := x.ix.rejected.Objects[object]; rejected {
			x.r.add(diag.New(diag.OrdinaryTrafficWouldChange, owner, "%s", why))
			return false
		}
		if x.ix.foreign[object] {
			x.r.add(diag.New(diag.NameTaken, owner, "HTTPRoute %s exists, and Overrides did not make it", t.Name))
			return false
		}
		return true
	})
	slices.SortFunc(x.tables, func(a, b route.Table) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

// reportRoute says of each active Service that an HTTPRoute leads to which overrides its
// gateways don't follow.
func (x *attacher) reportRoute(r *model.HTTPRoute) {
	why := cmp.Or(x.problems[r], x.refused[r])
	for _, s := range x.activeBackends(r) {
		if why != "" {
			x.r.report(s.Service, diag.GatewayRoutes, "%s leads to it from a gateway, which does not follow overrides: %s", r.Object(), why)
		}
		if x.attached[r] == nil || x.problems[r] != "" {
			continue
		}
		var without []string
		for i := range s.versions {
			v := &s.versions[i]
			switch {
			case v.isolated == nil && !v.released:
				without = append(without, v.name)
			case v.isolated != nil && !x.ix.permits(r.Namespace, v.isolated.service):
				x.r.report(s.Service, diag.GatewayNeedsGrant, "no ReferenceGrant in namespace %s lets %s lead to Service %s, so its gateway does not follow overrides of version %s",
					v.isolated.service.Namespace, r.Object(), v.isolated.service.Name, v.name)
			}
		}
		if len(without) > 0 {
			x.r.report(s.Service, diag.GatewayNeedsService, "%s leads to it from a gateway, which does not follow overrides of %s %s: an HTTPRoute can lead to Services only",
				r.Object(), agree(without, "version", "versions"), enumerate(without))
		}
	}
}

// activeBackends lists the active Services that an HTTPRoute leads to.
func (x *attacher) activeBackends(r *model.HTTPRoute) []*service {
	var out []*service
	for i := range r.Rules {
		for _, b := range r.Rules[i].Backends {
			if s := x.services.active(x.ix.options.FQDN(b.Service, b.Namespace)); b.Service != "" && s != nil && !slices.Contains(out, s) {
				out = append(out, s)
			}
		}
	}
	return out
}

// reportCost reports hosts with many rows. An ordinary request passes all of them, since an
// HTTPRoute can't say that a header is absent.
func (x *attacher) reportCost() {
	rows := map[string]int{}
	for i := range x.tables {
		t := &x.tables[i]
		n := 0
		for j := range t.Routes {
			n += len(t.Routes[j].Matches)
		}
		for _, h := range mesh.HostsOf(t.Attached) {
			rows[fmt.Sprintf("host %s of %s %s/%s", h.Hostname, h.Parent.Kind, h.Parent.Namespace, h.Parent.Name)] += n
		}
	}
	for _, host := range slices.Sorted(maps.Keys(rows)) {
		if n := rows[host]; n > manyRoutes {
			x.r.add(diag.New(diag.TooManyRoutes, diag.Object{}, "%d routes for %s, which ordinary requests pass, too: about %d µs each", n, host, n/40))
		}
	}
}

// reportIngresses reports the Ingresses that lead to active Services.
func reportIngresses(ix *index, all *services, r *reporter) {
	for _, e := range ix.entrances() {
		if e.Kind != "Ingress" {
			continue
		}
		for _, s := range e.Services {
			if to := all.active(ix.options.FQDN(s[1], s[0])); to != nil {
				r.report(to.Service, diag.IngressNotFollowed, "%s leads to it, and does not follow overrides", e.Object())
			}
		}
	}
}

// versionName is the part of the name of a table that stands for an isolated version.
func (iso *isolated) versionName(of *model.HTTPRoute) string {
	if iso.service.Namespace == of.Namespace {
		return iso.service.Name
	}
	return strings.Join([]string{iso.service.Name, iso.service.Namespace}, "-")
}
