package plan

import (
	"maps"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Memory is what a plan must know from earlier plans: mostly since when things have been
// as they are. Without it a plan waits longer, and finds out again.
type Memory struct {
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

// newMemory returns an empty memory, with capacity for as much as before holds.
func newMemory(before *Memory) Memory {
	return Memory{
		placed: make(map[Cluster]placement, len(before.placed)), removedSince: map[Cluster]time.Time{},
		unreferencedSince: map[Cluster]time.Time{}, unpinnableSince: map[string]time.Time{},
		eligible: make(map[string][]model.Backend, len(before.eligible)),
		versions: make(map[route.Version]history, len(before.versions)), rendered: make(map[diag.Object]rendered, len(before.rendered)),
		routed: make(map[route.Version]routeInPlace, len(before.routed)), unroutedSince: map[route.Version]time.Time{}, excludedSince: map[exclusion]time.Time{},
		visible: make(map[diag.Object]visibleSince, len(before.visible)),
	}
}

// NewMemory returns a memory that knows that no object and no cluster existed before. The
// zero Memory knows nothing at all.
func NewMemory() Memory { return newMemory(&Memory{}) }

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
	out := newMemory(&m)
	known := m.placed != nil
	m.copyTo(&out)
	for i := range others {
		others[i].copyTo(&out)
		known = known && others[i].placed != nil
	}
	if !known {
		out.placed = nil
	}
	return out
}

func (m *Memory) copyTo(out *Memory) {
	maps.Copy(out.placed, m.placed)
	maps.Copy(out.removedSince, m.removedSince)
	maps.Copy(out.unreferencedSince, m.unreferencedSince)
	maps.Copy(out.unpinnableSince, m.unpinnableSince)
	maps.Copy(out.eligible, m.eligible)
	maps.Copy(out.versions, m.versions)
	maps.Copy(out.rendered, m.rendered)
	maps.Copy(out.routed, m.routed)
	maps.Copy(out.unroutedSince, m.unroutedSince)
	maps.Copy(out.visible, m.visible)
	maps.Copy(out.excludedSince, m.excludedSince)
}

// Fresh returns an empty memory: if m knows nothing at all, so does the result; otherwise the
// result knows that nothing existed before.
func (m Memory) Fresh() Memory {
	if m.placed == nil {
		return Memory{}
	}
	return NewMemory()
}

// Divide splits m by the owners of its subjects. owner returns nil for a subject without one.
func (m Memory) Divide(owner func(Subject) any) map[any]Memory {
	d := divider[Memory]{owner: owner, parts: map[any]*Memory{}, fresh: NewMemory}
	divide(&d, m.placed, ofCluster, func(m *Memory) map[Cluster]placement { return m.placed })
	divide(&d, m.removedSince, ofCluster, func(m *Memory) map[Cluster]time.Time { return m.removedSince })
	divide(&d, m.unreferencedSince, ofCluster, func(m *Memory) map[Cluster]time.Time { return m.unreferencedSince })
	divide(&d, m.unpinnableSince, ofHost, func(m *Memory) map[string]time.Time { return m.unpinnableSince })
	divide(&d, m.eligible, ofHost, func(m *Memory) map[string][]model.Backend { return m.eligible })
	divide(&d, m.versions, ofVersion, func(m *Memory) map[route.Version]history { return m.versions })
	divide(&d, m.rendered, ofObject, func(m *Memory) map[diag.Object]rendered { return m.rendered })
	divide(&d, m.routed, ofVersion, func(m *Memory) map[route.Version]routeInPlace { return m.routed })
	divide(&d, m.unroutedSince, ofVersion, func(m *Memory) map[route.Version]time.Time { return m.unroutedSince })
	divide(&d, m.visible, ofObject, func(m *Memory) map[diag.Object]visibleSince { return m.visible })
	divide(&d, m.excludedSince, func(x exclusion) Subject { return ofHost(x.host) }, func(m *Memory) map[exclusion]time.Time { return m.excludedSince })
	out := make(map[any]Memory, len(d.parts))
	for owner, part := range d.parts {
		if m.placed == nil {
			part.placed = nil
		}
		out[owner] = *part
	}
	return out
}

func ofCluster(c Cluster) Subject       { return Subject{Host: c.Host} }
func ofHost(host string) Subject        { return Subject{Host: host} }
func ofVersion(v route.Version) Subject { return Subject{Version: v} }
func ofObject(o diag.Object) Subject    { return Subject{Object: o} }

// divider is one call of Divide in the making.
type divider[M any] struct {
	owner func(Subject) any
	parts map[any]*M
	fresh func() M
}

func divide[M any, K comparable, V any](d *divider[M], from map[K]V, of func(K) Subject, to func(*M) map[K]V) {
	for key, value := range from {
		owner := d.owner(of(key))
		part := d.parts[owner]
		if part == nil {
			fresh := d.fresh()
			part = &fresh
			d.parts[owner] = part
		}
		to(part)[key] = value
	}
}
