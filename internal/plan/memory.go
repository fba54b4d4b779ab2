package plan

import (
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/packed"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Memory is what a plan must know from earlier plans: mostly since when things have been
// as they are. Without it a plan waits longer, and finds out again. The zero Memory knows
// nothing at all, not even whether anything existed before.
type Memory struct {
	// known is set if what is not remembered did not exist.
	known bool

	placed            packed.Map[Cluster, placement]
	removedSince      packed.Map[Cluster, time.Time]
	unreferencedSince packed.Map[Cluster, time.Time]
	eligible          packed.Map[string, []model.Backend]
	unpinnableSince   packed.Map[string, time.Time]
	versions          packed.Map[route.Version, history]
	rendered          packed.Map[diag.Object, rendered]
	routed            packed.Map[route.Version, routeInPlace]
	unroutedSince     packed.Map[route.Version, time.Time]
	visible           packed.Map[diag.Object, visibleSince]
	excludedSince     packed.Map[exclusion, time.Time]
}

// memory is a Memory while a plan is made.
type memory struct {
	known bool
	// placed has since when each cluster has had its present definition.
	placed map[Cluster]placement
	// removedSince is when a cluster was removed, while proxies may still know it.
	removedSince map[Cluster]time.Time
	// unreferencedSince is when the last route to a generated subset was removed.
	unreferencedSince map[Cluster]time.Time
	// eligible has the pods of each host that ordinary traffic may reach.
	eligible map[string][]model.Backend
	// unpinnableSince is when a pinned host ceased to need its pin.
	unpinnableSince map[string]time.Time
	// versions has the history of each version.
	versions map[route.Version]history
	// rendered has the objects of tables and rules.
	rendered map[diag.Object]rendered
	// routed has since when each version has had a row, unroutedSince when a version lost its
	// last row, while proxies may still know that.
	routed        map[route.Version]routeInPlace
	unroutedSince map[route.Version]time.Time
	// visible has since when each table is meant for which namespaces.
	visible map[diag.Object]visibleSince
	// excludedSince is when an object began to keep ordinary traffic from unreleased pods.
	excludedSince map[exclusion]time.Time
}

func (m *Memory) unpack() memory {
	return memory{
		known: m.known, placed: m.placed.Unpack(), removedSince: m.removedSince.Unpack(), unreferencedSince: m.unreferencedSince.Unpack(),
		eligible: m.eligible.Unpack(), unpinnableSince: m.unpinnableSince.Unpack(), versions: m.versions.Unpack(), rendered: m.rendered.Unpack(),
		routed: m.routed.Unpack(), unroutedSince: m.unroutedSince.Unpack(), visible: m.visible.Unpack(), excludedSince: m.excludedSince.Unpack(),
	}
}

func (m *memory) pack() Memory {
	return Memory{
		known: m.known, placed: packed.Of(m.placed), removedSince: packed.Of(m.removedSince), unreferencedSince: packed.Of(m.unreferencedSince),
		eligible: packed.Of(m.eligible), unpinnableSince: packed.Of(m.unpinnableSince), versions: packed.Of(m.versions), rendered: packed.Of(m.rendered),
		routed: packed.Of(m.routed), unroutedSince: packed.Of(m.unroutedSince), visible: packed.Of(m.visible), excludedSince: packed.Of(m.excludedSince),
	}
}

// NewMemory returns a memory that knows that no object and no cluster existed before.
func NewMemory() Memory { return Memory{known: true} }

// Fresh returns an empty memory, which knows whether anything existed before if m does.
func (m Memory) Fresh() Memory { return Memory{known: m.known} }

// Subject is the host, the version or the object that an entry of a Memory is about; the
// other fields are zero.
type Subject struct {
	Host    string
	Version route.Version
	Object  diag.Object
}

// Join merges m and others, which are about different subjects. If one of them knows nothing
// at all, the result does not know whether anything else existed before.
func (m Memory) Join(others ...Memory) Memory {
	for i := range others {
		o := &others[i]
		m.known = m.known && o.known
		m.placed = m.placed.Add(o.placed)
		m.removedSince = m.removedSince.Add(o.removedSince)
		m.unreferencedSince = m.unreferencedSince.Add(o.unreferencedSince)
		m.eligible = m.eligible.Add(o.eligible)
		m.unpinnableSince = m.unpinnableSince.Add(o.unpinnableSince)
		m.versions = m.versions.Add(o.versions)
		m.rendered = m.rendered.Add(o.rendered)
		m.routed = m.routed.Add(o.routed)
		m.unroutedSince = m.unroutedSince.Add(o.unroutedSince)
		m.visible = m.visible.Add(o.visible)
		m.excludedSince = m.excludedSince.Add(o.excludedSince)
	}
	return m
}

// Divide splits m by the owners of its subjects. owner returns nil for a subject without one.
func (m Memory) Divide(owner func(Subject) any) map[any]Memory {
	parts := Parts[Memory]{Owner: owner, Fresh: m.Fresh()}
	part := parts.Of
	divide(m.placed, ofCluster, func(s Subject) *packed.Map[Cluster, placement] { return &part(s).placed })
	divide(m.removedSince, ofCluster, func(s Subject) *packed.Map[Cluster, time.Time] { return &part(s).removedSince })
	divide(m.unreferencedSince, ofCluster, func(s Subject) *packed.Map[Cluster, time.Time] { return &part(s).unreferencedSince })
	divide(m.unpinnableSince, ofHost, func(s Subject) *packed.Map[string, time.Time] { return &part(s).unpinnableSince })
	divide(m.eligible, ofHost, func(s Subject) *packed.Map[string, []model.Backend] { return &part(s).eligible })
	divide(m.versions, ofVersion, func(s Subject) *packed.Map[route.Version, history] { return &part(s).versions })
	divide(m.rendered, ofObject, func(s Subject) *packed.Map[diag.Object, rendered] { return &part(s).rendered })
	divide(m.routed, ofVersion, func(s Subject) *packed.Map[route.Version, routeInPlace] { return &part(s).routed })
	divide(m.unroutedSince, ofVersion, func(s Subject) *packed.Map[route.Version, time.Time] { return &part(s).unroutedSince })
	divide(m.visible, ofObject, func(s Subject) *packed.Map[diag.Object, visibleSince] { return &part(s).visible })
	divide(m.excludedSince, func(x exclusion) Subject { return ofHost(x.host) }, func(s Subject) *packed.Map[exclusion, time.Time] { return &part(s).excludedSince })
	return parts.All()
}

// Parts are the parts of a memory, by the owners of its subjects.
type Parts[M any] struct {
	Owner func(Subject) any
	// Fresh is a part without anything.
	Fresh M

	of map[any]*M
}

// Of returns the part that has a subject.
func (p *Parts[M]) Of(s Subject) *M {
	owner := p.Owner(s)
	if p.of[owner] == nil {
		if p.of == nil {
			p.of = map[any]*M{}
		}
		fresh := p.Fresh
		p.of[owner] = &fresh
	}
	return p.of[owner]
}

// All returns the parts that have a subject.
func (p *Parts[M]) All() map[any]M {
	out := make(map[any]M, len(p.of))
	for owner, part := range p.of {
		out[owner] = *part
	}
	return out
}

func ofCluster(c Cluster) Subject       { return Subject{Host: c.Host} }
func ofHost(host string) Subject        { return Subject{Host: host} }
func ofVersion(v route.Version) Subject { return Subject{Version: v} }
func ofObject(o diag.Object) Subject    { return Subject{Object: o} }

// divide adds each entry of from to the map that to returns for its subject.
func divide[K comparable, V any](from packed.Map[K, V], of func(K) Subject, to func(Subject) *packed.Map[K, V]) {
	from.Divide(func(key K) *packed.Map[K, V] { return to(of(key)) })
}
