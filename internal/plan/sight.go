package plan

import (
	"cmp"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"
)

// memberBegin begins every pattern of package grammar for a member.
const memberBegin = `(?:.*,)?[ \t]*`

// Routes is what the routes of a VirtualService name: all that a plan asks of one
// that is in place.
type Routes struct {
	exportTo []string
	// names are all clusters that it names: overridden those of override rows,
	// ordinary those of others.
	names, overridden, ordinary clusters
	// overrides are the override rows, by name.
	overrides []override
	// delegates is set where ordinary traffic goes where a VirtualService of the user's says.
	delegates bool
}

// clusters are sorted, and each is there once.
type clusters []Cluster

func (cs clusters) has(c Cluster) bool {
	_, found := slices.BinarySearchFunc(cs, c, compareClusters)
	return found
}

// sorted returns a copy that has just the room that it needs.
func (cs clusters) sorted() clusters {
	slices.SortFunc(cs, compareClusters)
	return slices.Clone(slices.Compact(cs))
}

// override is an override row, and where it leads.
type override struct {
	name string
	to   Cluster
}

func (o override) compare(name string) int { return strings.Compare(o.name, name) }

// override finds an override row by its name.
func (r *Routes) override(name string) (Cluster, bool) {
	i, found := slices.BinarySearchFunc(r.overrides, name, override.compare)
	if !found {
		return Cluster{}, false
	}
	return r.overrides[i].to, true
}

// Overrides reports whether there is an override row of a name.
func (r *Routes) Overrides(name string) bool {
	_, found := r.override(name)
	return found
}

// ReadRoutes reads a VirtualService.
func ReadRoutes(v *istioapi.VirtualService) *Routes {
	r := &Routes{exportTo: v.GetExportTo()}
	one := map[string]string{}
	share := func(s string) string {
		if same, ok := one[s]; ok {
			return same
		}
		one[s] = s
		return s
	}
	for _, h := range v.GetHttp() {
		r.delegates = r.delegates || h.GetDelegate() != nil
		rows, found := &r.ordinary, named(h)
		for i, c := range found {
			found[i] = Cluster{share(c.Host), share(c.Subset)}
		}
		if isOverride(h) {
			rows = &r.overridden
			if len(h.GetRoute()) == 1 && len(found) > 0 {
				r.overrides = append(r.overrides, override{h.GetName(), found[0]})
			}
		}
		*rows = append(*rows, found...)
	}
	r.names = slices.Concat(r.ordinary, r.overridden).sorted()
	r.ordinary, r.overridden = r.ordinary.sorted(), r.overridden.sorted()
	// Of rows of one name, the last counts.
	slices.Reverse(r.overrides)
	slices.SortStableFunc(r.overrides, func(a, b override) int { return a.compare(b.name) })
	r.overrides = slices.Clone(slices.CompactFunc(r.overrides, func(a, b override) bool { return a.name == b.name }))
	return r
}

// sight is an observed object; its Routes name nothing where it has none.
type sight struct {
	*Observed
	*Routes
}

// look indexes what is observed.
func (p *planner) look() {
	sights, none := make([]sight, len(p.Observed)), &Routes{}
	for i := range p.Observed {
		s := &sights[i]
		s.Observed, s.Routes = &p.Observed[i], cmp.Or(p.Observed[i].Routes, none)
		p.observed[s.Object] = s
	}
}

// named lists the clusters that a route names, the destinations first.
func named(h *istioapi.HTTPRoute) []Cluster {
	var out []Cluster
	add := func(d *istioapi.Destination) {
		if d.GetHost() != "" {
			out = append(out, Cluster{d.GetHost(), d.GetSubset()})
		}
	}
	for _, r := range h.GetRoute() {
		add(r.GetDestination())
	}
	add(h.GetMirror())
	for _, m := range h.GetMirrors() {
		add(m.GetDestination())
	}
	return out
}

// isOverride reports whether h is a row for requests that carry an override: an
// override row, or one that answers strict members. A name alone is not enough,
// since a route of the user's keeps the name that it has.
func isOverride(h *istioapi.HTTPRoute) bool {
	if !strings.HasPrefix(h.GetName(), "override.") && !strings.HasPrefix(h.GetName(), "unavailable.") {
		return false
	}
	return len(h.GetMatch()) > 0 && !slices.ContainsFunc(h.GetMatch(), func(m *istioapi.HTTPMatchRequest) bool {
		for _, header := range m.GetHeaders() {
			if strings.HasPrefix(header.GetRegex(), memberBegin) {
				return false
			}
		}
		return true
	})
}
