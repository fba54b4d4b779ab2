package operator

import (
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/route"
)

// shown is the part of the metrics and states that an island currently contributes.
type shown struct {
	tally    tally
	versions []route.Version
	services [][2]string
	policies map[types.UID]bool
	gated    map[types.UID]bool
}

// tally has the values of gauges for an island, by the values of their labels.
type tally struct {
	services, blocked, refused map[string]int
	diagnostics                map[[2]string]int
	versions, routed           int
}

// tally counts for one island.
func (p *islandState) tally() tally {
	var out tally
	for i := range p.result.Services {
		s := &p.result.Services[i]
		count(&out.services, string(s.State), 1)
		if s.State == compile.Managed {
			out.versions += len(s.Versions)
		}
	}
	out.routed = len(p.planned.Routed)
	for _, b := range p.planned.Blocked {
		count(&out.blocked, string(b.Reason), 1)
	}
	for _, r := range p.refused {
		count(&out.refused, string(r.Code), 1)
	}
	for _, d := range p.diags {
		count(&out.diagnostics, [2]string{string(d.Code), d.Severity.String()}, 1)
	}
	return out
}

// add adds other n times.
func (t *tally) add(other tally, n int) {
	addCounts(&t.services, other.services, n)
	addCounts(&t.blocked, other.blocked, n)
	addCounts(&t.refused, other.refused, n)
	addCounts(&t.diagnostics, other.diagnostics, n)
	t.versions += n * other.versions
	t.routed += n * other.routed
}

func addCounts[K comparable](to *map[K]int, from map[K]int, n int) {
	for key, m := range from {
		count(to, key, n*m)
	}
}

// count adds n to the count of a key. A map without counts is nil: most islands have few.
func count[K comparable](in *map[K]int, key K, n int) {
	if *in == nil {
		*in = map[K]int{}
	}
	if (*in)[key] += n; (*in)[key] == 0 {
		delete(*in, key)
	}
}

// show sets the gauges.
func (t *tally) show(m *metrics) {
	m.services.Reset()
	for _, state := range []compile.State{compile.Managed, compile.Idle, compile.Skipped} {
		m.services.WithLabelValues(string(state)).Set(float64(t.services[string(state)]))
	}
	m.versions.Set(float64(t.versions))
	m.routes.Set(float64(t.routed))
	m.blocked.Reset()
	for reason, n := range t.blocked {
		m.blocked.WithLabelValues(reason).Set(float64(n))
	}
	m.refused.Reset()
	for code, n := range t.refused {
		m.refused.WithLabelValues(code).Set(float64(n))
	}
	m.diagnostics.Reset()
	for labels, n := range t.diagnostics {
		m.diagnostics.WithLabelValues(labels[0], labels[1]).Set(float64(n))
	}
}
