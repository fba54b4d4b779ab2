package soak

import (
	"strings"
	"sync"
	"time"

	discoveryv1 "k8s.io/api/discovery/v1"

	"github.com/overrides-mesh/overrides/test/soak/judge"
)

// mark is something that happens to a version once.
type mark string

// Marks, in the order in which they happen, but for published, which may come before
// or after routed. All but served and released are as a watch of the API server sees
// them.
const (
	// ready is the first pod's condition, published its EndpointSlice's.
	ready     mark = "ready"
	published mark = "published"
	// routed is the row in the VirtualService.
	routed mark = "routed"
	// served is the end of the first request that the version answers.
	served mark = "served"
	// ended is the deletion timestamp of its only pod.
	ended mark = "ended"
	// unrouted is that there is no row any more, and releasedAgain the end of the first
	// request after which the released version answers.
	unrouted      mark = "unrouted"
	releasedAgain mark = "released again"
)

// marks keeps when things happened to versions.
type marks struct {
	mu sync.Mutex
	at map[judge.Version]map[mark]time.Time
}

func newMarks() *marks {
	return &marks{at: map[judge.Version]map[mark]time.Time{}}
}

// begin has what happens to a version noted.
func (m *marks) begin(v judge.Version) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.at[v] = map[mark]time.Time{}
}

// note notes that something happens now, unless it has happened before.
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

// of returns what happened to a version.
func (m *marks) of(v judge.Version) map[mark]time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.at[v]
}

// has reports whether something has happened.
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

// endpoints notes which pods are published as ready. A pod is named for its workload,
// and so for its version.
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
