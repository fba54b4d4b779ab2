package event

import (
	"maps"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Memory is what was said. It may be lost: then warnings are said again, and of versions
// is known what can be read from the objects in place.
type Memory struct {
	// told is set once something was told.
	told bool
	// announced are the versions that are overridable, as far as was said.
	announced map[route.Version]announced
	// since is when each warning was first found, warned are those that had lasted, said
	// is when there was an Event of each last.
	since, said map[diag.Diagnostic]time.Time
	warned      map[diag.Diagnostic]bool
	// paces bound the Events of each code about an object.
	paces map[topic]pace
	// left has what was said of Services in namespaces that are not managed any more.
	left map[[2]string]diag.Diagnostic
}

func newMemory() Memory {
	return Memory{
		told: true, announced: map[route.Version]announced{}, since: map[diag.Diagnostic]time.Time{}, said: map[diag.Diagnostic]time.Time{},
		warned: map[diag.Diagnostic]bool{}, paces: map[topic]pace{}, left: map[[2]string]diag.Diagnostic{},
	}
}

// NewMemory returns that of an operator that has told all there was to tell, which was
// nothing.
func NewMemory() Memory { return newMemory() }

// Starts reports whether nothing was told yet since the operator started, or leads.
func (m Memory) Starts() bool { return !m.told }

// Forget returns what is left of m when another operator may have led meanwhile.
// Warnings that go on are not said again.
func (m Memory) Forget() Memory {
	m.told, m.announced = false, nil
	return m
}

// Empty reports whether nothing is remembered.
func (m Memory) Empty() bool {
	return len(m.announced)+len(m.since)+len(m.said)+len(m.warned)+len(m.paces)+len(m.left) == 0
}

// Join returns what m and other remember, of different subjects. If one of them starts, so
// does the result.
func (m Memory) Join(other Memory) Memory {
	out := newMemory()
	out.told = m.told && other.told
	for _, from := range []*Memory{&m, &other} {
		maps.Copy(out.announced, from.announced)
		maps.Copy(out.since, from.since)
		maps.Copy(out.said, from.said)
		maps.Copy(out.warned, from.warned)
		maps.Copy(out.paces, from.paces)
		maps.Copy(out.left, from.left)
	}
	return out
}

// Split returns what m remembers of the subjects that are in, and the rest.
func (m Memory) Split(in func(plan.Subject) bool) (part, rest Memory) {
	part, rest = newMemory(), newMemory()
	part.told, rest.told = m.told, m.told
	divide(m.announced, part.announced, rest.announced, in, func(v route.Version) plan.Subject { return plan.Subject{Version: v} })
	divide(m.since, part.since, rest.since, in, ofDiagnostic)
	divide(m.said, part.said, rest.said, in, ofDiagnostic)
	divide(m.warned, part.warned, rest.warned, in, ofDiagnostic)
	divide(m.paces, part.paces, rest.paces, in, func(t topic) plan.Subject { return plan.Subject{Object: t.object} })
	divide(m.left, part.left, rest.left, in, func(name [2]string) plan.Subject {
		return plan.Subject{Object: diag.Object{Kind: "Service", Namespace: name[0], Name: name[1]}}
	})
	return part, rest
}

func ofDiagnostic(d diag.Diagnostic) plan.Subject { return plan.Subject{Object: d.Object} }

func divide[K comparable, V any](from, part, rest map[K]V, in func(plan.Subject) bool, of func(K) plan.Subject) {
	for key, value := range from {
		if in(of(key)) {
			part[key] = value
		} else {
			rest[key] = value
		}
	}
}
