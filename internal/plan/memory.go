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
	// unreferencedSince is when the last route to a subset of Overrides' was removed.
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

// NewMemory returns one that knows that nothing was there before: neither objects nor
// clusters. The zero Memory knows nothing at all.
func NewMemory() Memory { return newMemory(&Memory{}) }

// Empty reports whether m says of nothing that it was there.
func (m *Memory) Empty() bool {
	return len(m.placed)+len(m.removedSince)+len(m.unreferencedSince)+len(m.unpinnableSince)+len(m.eligible)+len(m.versions)+len(m.rendered)+
		len(m.routed)+len(m.unroutedSince)+len(m.visible)+len(m.excludedSince) == 0
}

// Subject is what a part of a Memory is about: a host, a version, or an object; the others
// are zero.
type Subject struct {
	Host    string
	Version route.Version
	Object  diag.Object
}

// Join returns what m and other remember, of different subjects. Where one of them knows
// nothing at all, nothing is known of what is in neither.
func (m Memory) Join(other Memory) Memory {
	out := newMemory(&m)
	for _, from := range []*Memory{&m, &other} {
		maps.Copy(out.placed, from.placed)
		maps.Copy(out.removedSince, from.removedSince)
		maps.Copy(out.unreferencedSince, from.unreferencedSince)
		maps.Copy(out.unpinnableSince, from.unpinnableSince)
		maps.Copy(out.eligible, from.eligible)
		maps.Copy(out.versions, from.versions)
		maps.Copy(out.rendered, from.rendered)
		maps.Copy(out.routed, from.routed)
		maps.Copy(out.unroutedSince, from.unroutedSince)
		maps.Copy(out.visible, from.visible)
		maps.Copy(out.excludedSince, from.excludedSince)
	}
	if m.placed == nil || other.placed == nil {
		out.placed = nil
	}
	return out
}

// Split returns what m remembers of the subjects that are in, and the rest.
func (m Memory) Split(in func(Subject) bool) (part, rest Memory) {
	part, rest = newMemory(&Memory{}), newMemory(&Memory{})
	divide(m.placed, part.placed, rest.placed, in, ofCluster)
	divide(m.removedSince, part.removedSince, rest.removedSince, in, ofCluster)
	divide(m.unreferencedSince, part.unreferencedSince, rest.unreferencedSince, in, ofCluster)
	divide(m.unpinnableSince, part.unpinnableSince, rest.unpinnableSince, in, ofHost)
	divide(m.eligible, part.eligible, rest.eligible, in, ofHost)
	divide(m.versions, part.versions, rest.versions, in, ofVersion)
	divide(m.rendered, part.rendered, rest.rendered, in, ofObject)
	divide(m.routed, part.routed, rest.routed, in, ofVersion)
	divide(m.unroutedSince, part.unroutedSince, rest.unroutedSince, in, ofVersion)
	divide(m.visible, part.visible, rest.visible, in, ofObject)
	divide(m.excludedSince, part.excludedSince, rest.excludedSince, in, func(x exclusion) Subject { return ofHost(x.host) })
	if m.placed == nil {
		part.placed, rest.placed = nil, nil
	}
	return part, rest
}

func ofCluster(c Cluster) Subject       { return Subject{Host: c.Host} }
func ofHost(host string) Subject        { return Subject{Host: host} }
func ofVersion(v route.Version) Subject { return Subject{Version: v} }
func ofObject(o diag.Object) Subject    { return Subject{Object: o} }

func divide[K comparable, V any](from, part, rest map[K]V, in func(Subject) bool, of func(K) Subject) {
	for key, value := range from {
		if in(of(key)) {
			part[key] = value
		} else {
			rest[key] = value
		}
	}
}
