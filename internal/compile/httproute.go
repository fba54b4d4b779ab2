package compile

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
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
	// tokens has those that are attached to gateways that take overrides from tokens, and to no
	// others.
	tokens map[*model.HTTPRoute]bool
	// withToken matches requests whose token counts, and grants are the live grants that it lists;
	// nil until some row asks for a token.
	withToken []route.Match
	grants    *route.Grants
	// followed has the hosts of HTTPRoutes at these gateways, and at those at all gateways.
	followed, at map[*model.HTTPRoute][]mesh.ListenerHost
	// named finds HTTPRoutes by namespace and name.
	named map[[2]string]*model.HTTPRoute
	// crowded has those with too many rules for one path.
	crowded map[*model.HTTPRoute]bool
	// grouped are those with hosts in common.
	grouped [][]*model.HTTPRoute
	tables  []route.Table
}

// attachTables makes the tables of all HTTPRoutes that lead to versions with Services of
// their own, sorted.
func attachTables(ix *index, all *services, r *reporter) []route.Table {
	x := &attacher{
		drafter: &drafter{ix, all, r}, problems: map[*model.HTTPRoute]string{}, refused: map[*model.HTTPRoute]string{},
		attached: map[*model.HTTPRoute]*route.Attachment{}, tokens: map[*model.HTTPRoute]bool{}, named: map[[2]string]*model.HTTPRoute{}, crowded: map[*model.HTTPRoute]bool{}, followed: map[*model.HTTPRoute][]mesh.ListenerHost{}, at: map[*model.HTTPRoute][]mesh.ListenerHost{},
	}
	routes := ix.httpRoutes()
	for i := range routes {
		x.attach(&routes[i])
		if r := &routes[i]; !r.GRPC {
			x.named[[2]string{r.Namespace, r.Name}] = r
		}
	}
	hosts := ix.mesh.KubernetesHosts(nil, mesh.Order{})
	x.grouped = x.groups()
	for _, group := range x.grouped {
		x.group(group, hosts)
	}
	x.nameAll()
	for i := range routes {
		x.reportRoute(&routes[i])
	}
	reportIngresses(ix, all, r)
	x.reportCost(hosts)
	return x.tables
}

// attach finds the gateways of an HTTPRoute that follow overrides.
func (x *attacher) attach(r *model.HTTPRoute) {
	out := &route.Attachment{Hostnames: r.Attached.Hostnames}
	for _, p := range r.Attached.Parents {
		why := x.ix.refuses(&p)
		if why == "" {
			why = x.ix.mesh.NotAdmitted(r, &p)
		}
		if why != "" {
			x.refused[r] = cmp.Or(x.refused[r], why)
			continue
		}
		out.Parents = append(out.Parents, p)
	}
	x.divideByTokens(r, out)
	x.at[r], x.followed[r] = x.ix.mesh.ListenerHostsOf(r, &r.Attached), x.ix.mesh.ListenerHostsOf(r, out)
	if len(out.Parents) > 0 {
		x.attached[r] = out
	}
	header := x.ix.options.Header
	switch {
	case r.GRPC:
		x.problems[r] = r.Object().String() + " has rules for the same host, which are not followed"
	case len(r.Unknown) > 0:
		x.problems[r] = r.Object().String() + " has unknown fields: " + enumerate(r.Unknown)
	case slices.ContainsFunc(r.Rules, func(rule model.HTTPRule) bool { return usesHeader(rule.Matches, header) }):
		x.problems[r] = r.Object().String() + " matches header " + header + " itself"
	default:
		if why := patternProblem(r); why != "" {
			x.problems[r] = r.Object().String() + " has a pattern for which proxies refuse all routes: " + why
		}
	}
}

// patternProblem says which pattern of an HTTPRoute proxies refuse; empty for none.
func patternProblem(r *model.HTTPRoute) string {
	for i := range r.Rules {
		for j := range r.Rules[i].Matches {
			if why := istio.PatternProblem(&r.Rules[i].Matches[j]); why != "" {
				return fmt.Sprintf("spec.rules[%d].matches[%d], %s", i, j, why)
			}
		}
	}
	return ""
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
	case g.Controller == model.IstioGatewayController:
		return ""
	}
	if what := otherControllers[g.Controller]; what != "" {
		return fmt.Sprintf("%s is %s (GatewayClass %s)", g.Object(), what, g.Class)
	}
	return fmt.Sprintf("%s is not Istio's, but of %s (GatewayClass %s)", g.Object(), g.Controller, g.Class)
}

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

// shareHost reports whether some gateway that follows overrides for one of them asks the rules
// of both for the same requests.
func (x *attacher) shareHost(a, b *model.HTTPRoute) bool {
	meet := func(list, other []mesh.ListenerHost) bool {
		return slices.ContainsFunc(list, func(h mesh.ListenerHost) bool { return slices.Contains(other, h) })
	}
	return meet(x.followed[a], x.at[b]) || meet(x.at[a], x.followed[b])
}

// group makes the tables of HTTPRoutes with hosts in common: either all of them or none.
func (x *attacher) group(group []*model.HTTPRoute, hosts []mesh.KubernetesHost) {
	var rules []mesh.AttachedRule
	why := ""
	for _, r := range group {
		rules = append(rules, mesh.RulesOf(r)...)
		why = cmp.Or(why, x.problems[r], x.mixed(r, hosts))
	}
	mesh.SortRules(rules, mesh.Order{})
	var ranked []*rankedRule
	crowded := false
	if why == "" {
		ranked, why = x.rank(rules)
		crowded = ranked != nil && why != ""
	}
	if why != "" {
		for _, r := range group {
			x.problems[r], x.crowded[r] = why, crowded
		}
		return
	}
	for _, r := range group {
		if x.attached[r] != nil {
			x.tablesOf(r, ranked)
		}
	}
}

// mixed says which HTTPRoutes have rules for the same requests as one, but other hostnames;
// empty for none. Istio does not sort their rules by what they match.
func (x *attacher) mixed(r *model.HTTPRoute, hosts []mesh.KubernetesHost) string {
	for i := range hosts {
		h := &hosts[i]
		if !h.Mixed || !slices.Contains(x.followed[r], h.ListenerHost) {
			continue
		}
		var names []string
		for _, u := range h.Users {
			names = append(names, u.Object().String())
		}
		return fmt.Sprintf("%s have rules for the same requests for %s, but different hostnames or listeners", enumerate(names), h.Domain)
	}
	return ""
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

// nameAll names the tables, and leaves out those of groups of which one can't have its name or
// has been rejected by a proof.
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
	for i := range x.tables {
		x.refuse(&x.tables[i])
	}
	x.tables = filter(x.tables, func(t route.Table) bool { return x.problems[x.named[[2]string{t.Namespace, t.Owner}]] == "" })
	slices.SortFunc(x.tables, func(a, b route.Table) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
}

// refuse notes that a table can't have its name, or that a proof has rejected it. Then the others
// of its group can't be either: they count on its rows.
func (x *attacher) refuse(t *route.Table) {
	object := diag.Object{Kind: "HTTPRoute", Namespace: t.Namespace, Name: t.Name}
	owner := diag.Object{Kind: "HTTPRoute", Namespace: t.Namespace, Name: t.Owner}
	problem := ""
	if why, rejected := x.ix.rejected.Objects[object]; rejected {
		x.r.add(diag.New(diag.OrdinaryTrafficWouldChange, owner, "%s", why))
		problem = object.String() + " would change ordinary traffic"
	} else if x.ix.foreign[object] {
		x.r.add(diag.New(diag.NameTaken, owner, "HTTPRoute %s exists, and Overrides did not make it", t.Name))
		problem = object.String() + " exists, and Overrides did not make it"
	}
	if problem == "" {
		return
	}
	of := x.named[[2]string{t.Namespace, t.Owner}]
	for _, group := range x.grouped {
		if !slices.Contains(group, of) {
			continue
		}
		for _, r := range group {
			x.problems[r] = cmp.Or(x.problems[r], problem)
		}
	}
}

// reportRoute says of each active Service that an HTTPRoute leads to which overrides its
// gateways don't follow.
func (x *attacher) reportRoute(r *model.HTTPRoute) {
	why, code := cmp.Or(x.problems[r], x.refused[r]), diag.GatewayRoutes
	if x.crowded[r] {
		code = diag.GatewayTooManyRules
	}
	for _, s := range x.activeBackends(r) {
		if why != "" {
			x.r.report(s.Service, code, "%s leads to it from a gateway, which does not follow overrides: %s", r.Object(), why)
		}
		if x.attached[r] == nil || x.problems[r] != "" {
			continue
		}
		reportEntries(x.ix, s, x.entriesOf(r), r.Object(), x.r)
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
func (x *attacher) reportCost(hosts []mesh.KubernetesHost) {
	rows := map[mesh.ListenerHost]int{}
	for i := range x.tables {
		t := &x.tables[i]
		n := 0
		for j := range t.Routes {
			n += len(t.Routes[j].Matches)
		}
		of := x.named[[2]string{t.Namespace, t.Owner}]
		for _, h := range x.followed[of] {
			rows[h] += n
		}
	}
	for i := range hosts {
		if n, h := rows[hosts[i].ListenerHost], &hosts[i]; n > manyRoutes {
			x.r.add(diag.New(diag.TooManyRoutes, diag.Object{}, "%d routes for host %s of %s %s/%s, which ordinary requests pass, too: about %d µs each",
				n, h.Domain, h.Parent.Kind, h.Parent.Namespace, h.Parent.Name, n/40))
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
