package mesh

import (
	"cmp"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Mesh is an index of the objects of users. It is not safe for concurrent use.
type Mesh struct {
	snapshot *model.Snapshot
	services map[string]*Service
	aliases  []*Service
	// entries are the hosts of ServiceEntries.
	entries []*Service
	// byName finds every VirtualService, including delegates.
	byName  map[[2]string]*model.VirtualService
	sources sourceIndex
	// onGateways are those that apply to gateways.
	onGateways sourceIndex
	// gateways are by full name.
	gateways map[string]*model.Gateway
	// podsOf names the pods of each Kubernetes Gateway.
	podsOf map[*model.KubernetesGateway]string
	rules  ruleIndex
	// sidecars are by namespace, in istiod's order; in reverse order if ages are not
	// known.
	sidecars, sidecarsReversed map[string][]*model.Sidecar
	// leading has the sources that route, or mirror requests, to a host.
	leading map[string][]*Source
	// suffix is the end of the hosts of Kubernetes Services.
	suffix string
	// namespaces are those in the snapshot, and Elsewhere, sorted.
	namespaces []string
	// anyCaller is the class of all callers.
	anyCaller Class
	// text is a buffer that is reused.
	text []byte
}

// New indexes the objects of users. It does not change the snapshot.
func New(snapshot *model.Snapshot) *Mesh {
	m := &Mesh{
		snapshot: snapshot, byName: map[[2]string]*model.VirtualService{}, suffix: ".svc." + snapshot.Options.ClusterDomain, anyCaller: Class{Namespace: Elsewhere, any: true},
		sidecars: map[string][]*model.Sidecar{}, sidecarsReversed: map[string][]*model.Sidecar{},
	}
	m.namespaces = slices.Compact(slices.Sorted(slices.Values(append([]string{Elsewhere}, snapshot.Namespaces...))))
	m.indexServices()
	m.indexVirtualServices()
	m.indexGateways()
	m.indexKubernetesGateways()
	m.indexRules()
	m.indexSidecars()
	m.leading = leading(m.sources.all)
	return m
}

// leading finds sources by the hosts that they lead to.
func leading(sources []*Source) map[string][]*Source {
	out := map[string][]*Source{}
	for _, s := range sources {
		for _, host := range s.leadsTo {
			out[host] = append(out[host], s)
		}
	}
	return out
}

// Service returns the Service of a host, nil if there is none.
func (m *Mesh) Service(host string) *Service { return m.services[host] }

// Entries lists the hosts of ServiceEntries.
func (m *Mesh) Entries() []*Service { return m.entries }

// Sources lists the user's VirtualServices that apply to sidecars, by namespace and name.
func (m *Mesh) Sources() []*Source { return m.sources.all }

// LeadingTo lists the user's VirtualServices that route, or mirror requests, to a host or
// an alias of it.
func (m *Mesh) LeadingTo(host string) []*Source {
	out := m.leading[host]
	if s := m.services[host]; s != nil {
		for _, a := range s.Aliases {
			out = slices.Concat(out, m.leading[a])
		}
	}
	return out
}

// Source returns the user's VirtualService as sidecars see it; nil if it does not apply
// to them.
func (m *Mesh) Source(v *model.VirtualService) *Source { return m.sources.byUser[v] }

// sourceIndex finds VirtualServices by host.
type sourceIndex struct {
	all    []*Source
	byUser map[*model.VirtualService]*Source
	exact  map[string][]*Source
	// wildcard has a key for each wildcard.
	wildcard map[string][]*Source
}

func (x *sourceIndex) add(s *Source) {
	if x.exact == nil {
		x.exact, x.wildcard, x.byUser = map[string][]*Source{}, map[string][]*Source{}, map[*model.VirtualService]*Source{}
	}
	x.all = append(x.all, s)
	if s.User != nil {
		x.byUser[s.User] = s
	}
	for _, h := range s.Hosts {
		if isWildcard(h) {
			x.wildcard[h] = append(x.wildcard[h], s)
		} else {
			x.exact[h] = append(x.exact[h], s)
		}
	}
}

// overlapping lists the sources of wildcards that cover host or, if host is a wildcard
// itself, have names in common with it.
func (x *sourceIndex) overlapping(host string) []*Source {
	var out []*Source
	for pattern, sources := range x.wildcard {
		if Overlap(pattern, host) {
			out = append(out, sources...)
		}
	}
	return out
}

// listDestinations collects the hosts of destinations and mirrors of s.
func (s *Source) listDestinations() {
	add := func(list []route.Destination) {
		for i := range list {
			if !slices.Contains(s.leadsTo, list[i].Host) {
				s.leadsTo = append(s.leadsTo, list[i].Host)
			}
		}
	}
	for _, routes := range [][]Route{s.Routes, s.gateways} {
		for i := range routes {
			add(routes[i].Destinations)
			add(routes[i].Mirrors)
		}
	}
	add(s.other)
}

// leadsCallers reports whether callers of a namespace import a port of a host because s
// leads to it: by a route that is not for other namespaces, and that names no other port
// (pilot/pkg/model: virtualServiceDestinationsFilteredBySourceNamespace,
// serviceMatchingVirtualServicePorts).
func (s *Source) leadsCallers(namespace, host string, port uint32) bool {
	to := func(d route.Destination) bool { return d.Host == host && (d.Port == 0 || d.Port == port) }
	for _, routes := range [][]Route{s.Routes, s.gateways} {
		for i := range routes {
			r := &routes[i]
			if (slices.ContainsFunc(r.Destinations, to) || slices.ContainsFunc(r.Mirrors, to)) && r.forNamespace(namespace) {
				return true
			}
		}
	}
	return slices.ContainsFunc(s.other, to)
}

// forNamespace reports whether one of the matches of a route is for a namespace, or none
// is for a namespace at all. Here Istio considers matches that name gateways, too.
func (r *Route) forNamespace(namespace string) bool {
	var asked []string
	if r.row == nil {
		for _, m := range r.HTTP.GetMatch() {
			asked = append(asked, m.GetSourceNamespace())
		}
	} else {
		for _, m := range r.row.Matches {
			asked = append(asked, m.SourceNamespace)
		}
	}
	asked = slices.DeleteFunc(asked, func(n string) bool { return n == "" })
	return len(asked) == 0 || slices.Contains(asked, namespace)
}

// Ours is an index of the objects that Overrides makes.
type Ours struct {
	sources, onGateways sourceIndex
	// attached are the tables that become HTTPRoutes.
	attached []*route.Table
	// rules are by host.
	rules map[string][]*Rule
	// leading has the tables that route, or mirror requests, to a host; computed on
	// demand.
	leading map[string][]*Source
}

// leadingTo lists the tables that route, or mirror requests, to a host.
func (o *Ours) leadingTo(host string) []*Source {
	if o.leading == nil {
		o.leading = leading(o.sources.all)
	}
	return o.leading[host]
}

// Ours indexes tables and subset rules, and does not change them.
func (m *Mesh) Ours(tables []route.Table, rules []route.SubsetRule) *Ours {
	o := &Ours{rules: make(map[string][]*Rule, len(rules))}
	for i := range tables {
		if tables[i].Attached != nil {
			o.attached = append(o.attached, &tables[i])
			continue
		}
		if s := m.tableSource(&tables[i]); s.Gateways != nil {
			o.onGateways.add(s)
		} else {
			o.sources.add(s)
		}
	}
	for i := range rules {
		o.rules[rules[i].Host] = append(o.rules[rules[i].Host], m.ourRule(&rules[i]))
	}
	return o
}

// Sources lists the tables for sidecars.
func (o *Ours) Sources() []*Source { return o.sources.all }

// For lists the tables that name a host.
func (o *Ours) For(host string) []*Source { return o.sources.exact[host] }

// LeadsElsewhere reports whether a route of s for ordinary requests leads to another
// host, or has a condition on callers.
func (s *Source) LeadsElsewhere(host string) bool {
	for i := range s.Routes {
		r := &s.Routes[i]
		if r.NeedsOverride {
			continue
		}
		if len(r.Mirrors) > 0 || r.Match.SourceNamespace != "" || len(r.Match.SourceLabels) > 0 ||
			slices.ContainsFunc(r.Destinations, func(d route.Destination) bool { return d.Host != host }) {
			return true
		}
	}
	return false
}

// Rules lists the subset rules of a host.
func (o *Ours) Rules(host string) []*Rule { return o.rules[host] }

// Order is an assumption about the order of objects whose ages are not known: by name and
// namespace for objects of users, as for objects created in the same second, or the
// reverse; and that the objects of Overrides are older than all others, or younger. A
// result that is the same for [Orders] is the same for every order: the first object that
// claims a domain gets it, and each object is once before all those of unknown age and
// once behind them.
type Order struct{ Reverse, OursLast bool }

// orders are all of them.
var orders = []Order{{}, {Reverse: true}, {OursLast: true}, {Reverse: true, OursLast: true}}

// Orders lists the orders that must be considered: with the objects of Overrides, or
// without.
func Orders(withOurs bool) []Order {
	if withOurs {
		return orders
	}
	return orders[:2]
}

// age is the sort key of istiod's order (pilot/pkg/model: configCompareByCreationTime).
type age struct {
	created time.Time
	object  diag.Object
	ours    bool
}

func (o Order) compare(a, b age) int {
	byName := cmp.Or(cmp.Compare(a.object.Name, b.object.Name), cmp.Compare(a.object.Namespace, b.object.Namespace))
	switch {
	case a.ours && b.ours:
	case a.ours || b.ours:
		if a.ours != o.OursLast {
			return -1
		}
		return 1
	case a.created.IsZero() && b.created.IsZero():
	case a.created.IsZero() || b.created.IsZero():
		if a.created.IsZero() != o.Reverse {
			return -1
		}
		return 1
	default:
		return cmp.Or(a.created.Compare(b.created), byName)
	}
	if o.Reverse {
		return -byName
	}
	return byName
}
