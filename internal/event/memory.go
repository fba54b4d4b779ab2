package event

import (
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/packed"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Memory holds the previous Events. If it is lost, warnings are reported again, and the
// state of versions is read from the objects in the cluster.
type Memory struct {
	// told is set once there was an Event.
	told bool

	announced   packed.Map[route.Version, announced]
	since, said packed.Map[diag.Diagnostic, time.Time]
	warned      packed.Map[diag.Diagnostic, bool]
	paces       packed.Map[topic, pace]
	left        packed.Map[[2]string, diag.Diagnostic]
}

// memory is a Memory during a call.
type memory struct {
	// announced are the versions that were reported as overridable.
	announced map[route.Version]announced
	// since is when each warning was first found, warned are those that had lasted long
	// enough, and said is the time of the last Event about each.
	since, said map[diag.Diagnostic]time.Time
	warned      map[diag.Diagnostic]bool
	// paces limit the rate of Events of each code about an object.
	paces map[topic]pace
	// left are the warnings about Services in namespaces that are no longer managed.
	left map[[2]string]diag.Diagnostic
}

func (m *Memory) unpack() memory {
	return memory{
		announced: m.announced.Unpack(), since: m.since.Unpack(), said: m.said.Unpack(),
		warned: m.warned.Unpack(), paces: m.paces.Unpack(), left: m.left.Unpack(),
	}
}

func (m *memory) pack() Memory {
	return Memory{
		told: true, announced: packed.Of(m.announced), since: packed.Of(m.since), said: packed.Of(m.said),
		warned: packed.Of(m.warned), paces: packed.Of(m.paces), left: packed.Of(m.left),
	}
}

// Starts reports whether there was no call yet since the operator started or became the
// leader.
func (m Memory) Starts() bool { return !m.told }

// Forget returns the part of m that is still valid after another operator may have been
// the leader. Warnings that last are not reported again.
func (m Memory) Forget() Memory {
	m.told, m.announced = false, nil
	return m
}

// Join returns what m and others remember, of different subjects. If one of them starts, so
// does the result.
func (m Memory) Join(others ...Memory) Memory {
	for i := range others {
		o := &others[i]
		m.told = m.told && o.told
		m.announced = m.announced.Add(o.announced)
		m.since = m.since.Add(o.since)
		m.said = m.said.Add(o.said)
		m.warned = m.warned.Add(o.warned)
		m.paces = m.paces.Add(o.paces)
		m.left = m.left.Add(o.left)
	}
	return m
}

// Fresh returns a memory without anything, which starts if m does.
func (m Memory) Fresh() Memory { return Memory{told: m.told} }

// Divide returns what m remembers of the subjects of each owner; owner returns nil for
// subjects without one.
func (m Memory) Divide(owner func(plan.Subject) any) map[any]Memory {
	parts := plan.Parts[Memory]{Owner: owner, Fresh: m.Fresh()}
	part := parts.Of
	about := func(d diag.Diagnostic) *Memory { return part(plan.Subject{Object: d.Object}) }
	m.announced.Divide(func(v route.Version) *packed.Map[route.Version, announced] {
		return &part(plan.Subject{Version: v}).announced
	})
	m.since.Divide(func(d diag.Diagnostic) *packed.Map[diag.Diagnostic, time.Time] { return &about(d).since })
	m.said.Divide(func(d diag.Diagnostic) *packed.Map[diag.Diagnostic, time.Time] { return &about(d).said })
	m.warned.Divide(func(d diag.Diagnostic) *packed.Map[diag.Diagnostic, bool] { return &about(d).warned })
	m.paces.Divide(func(t topic) *packed.Map[topic, pace] { return &part(plan.Subject{Object: t.object}).paces })
	m.left.Divide(func(name [2]string) *packed.Map[[2]string, diag.Diagnostic] {
		return &part(plan.Subject{Object: diag.Object{Kind: "Service", Namespace: name[0], Name: name[1]}}).left
	})
	return parts.All()
}
