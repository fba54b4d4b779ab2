package soak

import (
	"strings"
	"sync"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/overrides-mesh/overrides/test/soak/judge"
)

// mark is an event that happens to a version once.
type mark string

// The marks, in their order, except published, which may happen before or after routed.
// All except served and released are seen by a watch of the API server.
const (
	// ready is the first pod's condition, published the one in its EndpointSlice.
	ready     mark = "ready"
	published mark = "published"
	// routed is the row in the VirtualService.
	routed mark = "routed"
	// served is the end of the first request that the version answers.
	served mark = "served"
	// ended is the deletion timestamp of its only pod.
	ended mark = "ended"
	// unrouted means that there is no row any more; releasedAgain is the end of the first
	// request after that which the released version answers.
	unrouted      mark = "unrouted"
	releasedAgain mark = "released again"
)

// marks has the times of versions' events.
type marks struct {
	mu sync.Mutex
	at map[judge.Version]map[mark]time.Time
}

func newMarks() *marks {
	return &marks{at: map[judge.Version]map[mark]time.Time{}}
}

// begin starts recording a version's events.
func (m *marks) begin(v judge.Version) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[v] = map[mark]time.Time{}
}

// note records an event now, unless it has happened before.
func (m *marks) note(v judge.Version, what mark) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.noteLocked(v, what)
}

func (m *marks) noteLocked(v judge.Version, what mark) {
	if of := m.at[v]; of != nil && of[what].IsZero() {
		of[what] = time.Now()
	}
}

// of returns the events of a version.
func (m *marks) of(v judge.Version) map[mark]time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at[v]
}

// has reports whether an event has happened.
func (m *marks) has(v judge.Version, what mark) bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	return !m.at[v][what].IsZero()
}

func (m *marks) pod(v judge.Version, state string) {
	if m == nil {
		return
	}
	switch state {
	case "ready":
		m.note(v, ready)
	case "ends":
		m.note(v, ended)
	}
}

func (m *marks) rows(service string, rows []string) {
	if m == nil {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	there := map[string]bool{}
	for _, row := range rows {
		_, rest, _ := strings.Cut(row, ".")
		name, _, _ := strings.Cut(rest, ".")
		there[name] = true
	}
	for v, of := range m.at {
		switch {
		case v.Service != service:
		case there[v.Name]:
			m.noteLocked(v, routed)
		case !of[routed].IsZero():
			m.noteLocked(v, unrouted)
		}
	}
}

// endpoints records which pods are published as ready. A pod is named after its workload,
// and so after its version.
func (m *marks) endpoints(object any, gone bool) {
	slice, ok := object.(*discoveryv1.EndpointSlice)
	if !ok || gone {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range slice.Endpoints {
		e := &slice.Endpoints[i]
		if e.TargetRef == nil || e.Conditions.Ready == nil || !*e.Conditions.Ready {
			continue
		}
		for v := range m.at {
			if strings.HasPrefix(e.TargetRef.Name, v.Service+"-"+v.Name+"-") {
				m.noteLocked(v, published)
			}
		}
	}
}
