package compile

import (
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// draft is a table in the making.
type draft struct {
	table    route.Table
	settings model.Settings
	// of are the Services whose hosts it has; none for other hosts.
	of []*service
	// adopted is the user's VirtualService whose routes it has; nil for none.
	adopted  *model.VirtualService
	excluded []string
	routes   []userRoute
	// gateway is set for the table of a gateway's hosts; beside are further VirtualServices
	// whose routes it has.
	gateway bool
	beside  []*model.VirtualService
	// attached is the user's HTTPRoute, for rows at Kubernetes Gateways; nil for others.
	attached *model.HTTPRoute
	// pinOnly is set if the table follows no overrides.
	pinOnly bool
	// claims say which users may ask for which overrides; nil for everybody.
	claims *v1alpha1.ClaimRules
	// entries are the gateways that have the table; none for sidecars.
	entries []entry
	// tokens is set if overrides come from tokens, of which those of grants must be live.
	tokens bool
	// scoped is set if the table must name the namespaces that see it; within are those that
	// it may name, nil for all.
	scoped bool
	within []string

	// What follows is set by [resolveTargets].

	// targets are the active Services that a route leads to: callers that see the table
	// must see their subsets. seen has also those that requests are copied to.
	targets, seen []*service
	// scope lists the namespaces that see the table; nil for all.
	scope []string
}

// object is what d is made for: a Service, or the VirtualService whose hosts it has.
func (d *draft) object() diag.Object {
	if len(d.of) > 0 {
		return d.of[0].Object()
	}
	return d.adopted.Object()
}

// origin is the place of that object.
func (d *draft) origin() diag.Origin {
	if len(d.of) > 0 {
		return d.of[0].Origin
	}
	return d.adopted.Origin
}

// drafter starts tables.
type drafter struct {
	ix       *index
	services *services
	r        *reporter
}

// draftTables starts the table of every active Service, and of every other host whose
// VirtualService leads to one, and names them. It skips Services that can't have a table.
func draftTables(ix *index, all *services, r *reporter) []*draft {
	x := drafter{ix, all, r}
	drafts := x.draftServices()
	for _, source := range ix.mesh.Sources() {
		if d := x.draftHosts(source, drafts); d != nil {
			drafts = append(drafts, d)
		}
	}
	drafts = append(drafts, x.draftGateways()...)
	return nameTables(ix, drafts, r)
}

func (x *drafter) draftServices() []*draft {
	var out []*draft
	covered := map[*service]bool{} // a table has their host already
	for _, s := range x.services.list {
		if !s.active() || covered[s] {
			continue
		}
		d, k := x.draftService(s)
		if k != nil {
			s.skipped = k
			continue
		}
		out = append(out, d)
		for _, other := range d.of {
			covered[other] = true
		}
	}
	return out
}

// draftService starts the table of a Service's own host.
func (x *drafter) draftService(s *service) (*draft, *skip) {
	d := &draft{
		table:    route.Table{Namespace: s.Namespace, Name: ObjectName(s.Name), Owner: s.Name, Hosts: []string{s.host}},
		settings: s.settings, of: []*service{s}, routes: ownRoutes(x.ix, s),
	}
	in := &skipInput{ix: x.ix, service: s, object: istio.TableObject(&d.table)}
	if k := firstReason(withTable, in, x.r); k != nil {
		return nil, k
	}
	in.routes = findRoutes(x.ix, s)
	if k := firstReason(inForceNow, in, x.r); k != nil {
		return nil, k
	}
	picked := &in.routes.picked
	for _, n := range slices.Sorted(maps.Keys(picked.others)) {
		if n != mesh.Elsewhere {
			x.r.report(s.Service, diag.VirtualServiceOfCaller, "callers in namespace %s %s, and follow no overrides", n, picked.others[n].uses())
		}
	}
	d.scoped, d.within = picked.namespaces != nil, picked.namespaces
	d.excluded = slices.Sorted(maps.Keys(picked.others))
	if picked.source != nil {
		if k := x.adopt(d, in); k != nil {
			return nil, k
		}
	}
	if k := firstReason(withName, in, x.r); k != nil {
		return nil, k
	}
	return d, nil
}

// adopt gives d the routes of a user's VirtualService, and the Service's own for the ports
// on which that has none for some callers. If the VirtualService names other hosts beside
// Services, and gives them routes on the ports of these Services, they are hosts of one
// table.
func (x *drafter) adopt(d *draft, in *skipInput) *skip {
	s, picked := in.service, &in.routes.picked
	in.source = picked.source
	routes, k := adoptRoutes(in, x.services, x.r)
	if k != nil {
		return k
	}
	d.adopted, d.table.Revision = in.source.User, in.source.Revision
	d.routes = slices.Concat(routes, ownRoutesOn(x.ix, s, picked.ownPorts))
	if extra := hostsBeside(x.ix, s, picked); len(extra) > 0 {
		d.table.Hosts = extra
		for _, host := range extra {
			if other := x.services.active(host); other != nil && other != s {
				d.of = append(d.of, other)
			}
		}
	}
	return nil
}

// hostsBeside lists all hosts of the VirtualService to adopt that it is in force for, for
// the same callers, if it names the host of s and some host that is no Service; else
// nothing. Hosts that are no Services are verbatim: Istio compares them before it resolves
// them.
func hostsBeside(ix *index, s *service, picked *pick) []string {
	source := picked.source
	if !slices.Contains(source.Hosts, s.host) {
		return nil
	}
	var out []string
	beside := false
	for i, h := range source.Hosts {
		switch isService := ix.mesh.Service(h) != nil; {
		case h == s.host:
			out = append(out, h)
		case !inForceFor(ix, source, h, picked.namespaces):
		case isService:
			out = append(out, h)
		default:
			out, beside = append(out, source.Verbatim(i)), true
		}
	}
	if !beside {
		return nil
	}
	return out
}

// inForceFor reports whether callers in all these namespaces get the routes of source, and
// no others, by a host.
func inForceFor(ix *index, source *mesh.Source, host string, namespaces []string) bool {
	claims, ok := ix.claims(host, host, portsOf(ix, source))
	if !ok {
		return false
	}
	for _, n := range namespaces {
		if x := claims[n]; x == nil || len(x.sources) != 1 || x.sources[0] != source || x.service {
			return false
		}
	}
	return len(namespaces) > 0
}

// resolveTargets gives each draft its targets and scope. If a Service is skipped because
// no namespace could see its table, the targets of other drafts may change, so that it goes
// on until nothing changes. It returns the drafts that are left.
func resolveTargets(ix *index, all *services, drafts []*draft, r *reporter) []*draft {
	for changed := true; changed; {
		changed = false
		drafts = filter(drafts, func(d *draft) bool {
			d.targets = nil
			for i := range d.routes {
				d.targets = appendNew(d.targets, all.targets(d.of, d.routes[i].destinations))
			}
			d.seen = appendNew(slices.Clone(d.targets), mirrored(ix, all, d.routes))
			var seen bool
			d.scope, seen = tableScope(ix, d)
			object := istio.TableObject(&d.table)
			switch {
			case d.of == nil && len(d.seen) == 0 && !permitSome(d.claims):
				return false
			case seen:
				return true
			case d.of != nil:
				for _, s := range d.of {
					s.skipped = firstReason(withScope, &skipInput{ix: ix, service: s, object: object}, r)
				}
				changed = true
			case len(ix.rejected.namespaces(object)) > 0:
				reportRejected(ix, d, r)
			default:
				r.reject(d.adopted, diag.VirtualServiceScoped, "no namespace is left that could see its routes with overrides")
			}
			return false
		})
	}
	return drafts
}

func isRejectedEverywhere(in *skipInput) string {
	rejected := in.ix.rejected.namespaces(in.object)
	if len(rejected) == 0 {
		return ""
	}
	return rejected[slices.Sorted(maps.Keys(rejected))[0]]
}

func isSeenNowhere(*skipInput) string { return "every namespace that could call it has its own rules" }

// reportRejected reports for whom the table of d is not made, since it would change their
// ordinary requests.
func reportRejected(ix *index, d *draft, r *reporter) {
	byReason := map[string][]string{}
	for n, why := range ix.rejected.namespaces(istio.TableObject(&d.table)) {
		byReason[why] = append(byReason[why], n)
	}
	for _, why := range slices.Sorted(maps.Keys(byReason)) {
		namespaces := byReason[why]
		slices.Sort(namespaces)
		r.add(diag.New(diag.OrdinaryTrafficWouldChange, d.object(), "not made for callers in %s, which keep their present routes: %s", enumerate(namespaces), why).At(d.origin()))
	}
}
