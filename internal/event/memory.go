package event

import (
	"maps"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Memory holds the previous Events. If it is lost, warnings are reported again, and the
// state of versions is read from the objects in the cluster.
type Memory struct {
	// told is set once there was an Event.
	told bool
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

func newMemory() Memory {
	return Memory{
		told: true, announced: map[route.Version]announced{}, since: map[diag.Diagnostic]time.Time{}, said: map[diag.Diagnostic]time.Time{},
		warned: map[diag.Diagnostic]bool{}, paces: map[topic]pace{}, left: map[[2]string]diag.Diagnostic{},
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
	out := newMemory()
	out.told = m.told
	m.copyTo(&out)
	for i := range others {
		others[i].copyTo(&out)
		out.told = out.told && others[i].told
	}
	return out
}

func (m *Memory) copyTo(out *Memory) {
	maps.Copy(out.announced, m.announced)
	maps.Copy(out.since, m.since)
	maps.Copy(out.said, m.said)
	maps.Copy(out.warned, m.warned)
	maps.Copy(out.paces, m.paces)
	maps.Copy(out.left, m.left)
}

// Fresh returns a memory without anything, which starts if m does.
func (m Memory) Fresh() Memory {
	out := newMemory()
	out.told = m.told
	return out
}

// Divide returns what m remembers of the subjects of each owner; owner returns nil for
// subjects without one.
func (m Memory) Divide(owner func(plan.Subject) any) map[any]Memory {
	parts := map[any]Memory{}
	part := func(s plan.Subject) Memory {
		of := owner(s)
		out, known := parts[of]
		if !known {
			out = m.Fresh()
			parts[of] = out
		}
		return out
	}
	for v, x := range m.announced {
		part(plan.Subject{Version: v}).announced[v] = x
	}
	for d, at := range m.since {
		part(plan.Subject{Object: d.Object}).since[d] = at
	}
	for d, at := range m.said {
		part(plan.Subject{Object: d.Object}).said[d] = at
	}
	for d := range m.warned {
		part(plan.Subject{Object: d.Object}).warned[d] = true
	}
	for t, p := range m.paces {
		part(plan.Subject{Object: t.object}).paces[t] = p
	}
	for name, d := range m.left {
		part(plan.Subject{Object: diag.Object{Kind: "Service", Namespace: name[0], Name: name[1]}}).left[name] = d
	}
	return parts
}
