package operator

import (
	"errors"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// metrics are what the operator says of itself in numbers.
type metrics struct {
	passes      prometheus.Histogram
	placed      prometheus.Histogram
	gone        prometheus.Histogram
	writes      *prometheus.CounterVec
	undone      *prometheus.CounterVec
	announced   *prometheus.CounterVec
	services    *prometheus.GaugeVec
	versions    prometheus.Gauge
	routes      prometheus.Gauge
	held        *prometheus.GaugeVec
	refused     *prometheus.GaugeVec
	diagnostics *prometheus.GaugeVec
	leading     prometheus.Gauge
	perService  serviceMetrics

	mu sync.Mutex
	// wanted says since when versions that have no route can serve, routed which
	// have one.
	wanted map[route.Version]time.Time
	routed map[route.Version]bool
}

// seconds are the buckets of durations, from what a write takes to what is a
// fault.
var seconds = []float64{.005, .01, .025, .05, .1, .2, .3, .5, 1, 2, 5, 10, 30, 60}

func newMetrics() *metrics {
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "overrides_" + name, Help: help, Buckets: seconds})
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "overrides_" + name, Help: help}, labels)
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "overrides_" + name, Help: help}, labels)
	}
	m := &metrics{
		passes:      histogram("reconcile_duration_seconds", "Time that one look at the cluster took, with its writes."),
		placed:      histogram("route_placed_seconds", "Time from the change that made a version able to serve to its route being stored."),
		gone:        histogram("route_removed_seconds", "Time from the change after which a version could not serve to its route being gone."),
		writes:      counters("writes_total", "Writes of objects, by their result: done, refused, stale or failed.", "kind", "action", "result"),
		undone:      counters("writes_undone_total", "Writes that something else has undone, by the kind of object.", "kind"),
		announced:   counters("version_events_total", "Events about versions.", "reason"),
		services:    gauges("services", "Services, by what becomes of them.", "state"),
		versions:    prometheus.NewGauge(prometheus.GaugeOpts{Name: "overrides_versions", Help: "Versions behind managed Services."}),
		routes:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "overrides_versions_routed", Help: "Versions that a route in place leads to."}),
		held:        gauges("blocked", "Changes that wait before they may be written, by reason.", "reason"),
		refused:     gauges("refused", "Objects that the API server does not take, by code.", "code"),
		diagnostics: gauges("diagnostics", "Diagnostics, by code and severity.", "code", "severity"),
		perService:  newServiceMetrics(),
		leading:     prometheus.NewGauge(prometheus.GaugeOpts{Name: "overrides_leading", Help: "1 in the replica that writes."}),
		wanted:      map[route.Version]time.Time{}, routed: map[route.Version]bool{},
	}
	return m
}

// register has registry show m, until the function that it returns is called. Of
// several operators in one program, as in tests, only the first is shown.
func (m *metrics) register(registry prometheus.Registerer) (unregister func()) {
	collectors := []prometheus.Collector{
		m.passes, m.placed, m.gone, m.writes, m.undone, m.announced, m.services, m.versions, m.routes, m.held, m.refused, m.diagnostics, m.leading,
	}
	for _, gauge := range m.perService.all() {
		collectors = append(collectors, gauge)
	}
	return register(registry, collectors)
}

func register(registry prometheus.Registerer, collectors []prometheus.Collector) (unregister func()) {
	var shown []prometheus.Collector
	for _, c := range collectors {
		if registry.Register(c) == nil {
			shown = append(shown, c)
		}
	}
	return func() {
		for _, c := range shown {
			registry.Unregister(c)
		}
	}
}

// wrote counts a write.
func (m *metrics) wrote(step plan.Step, err error) {
	result := "failed"
	var refusal *apply.Refusal
	switch {
	case err == nil:
		result = "done"
	case errors.As(err, &refusal):
		result = "refused"
	case errors.Is(err, apply.ErrStale):
		result = "stale"
	}
	m.writes.WithLabelValues(step.Object.Kind, string(step.Action), result).Inc()
}

// passed notes what one pass found.
func (m *metrics) passed(p *picture, took time.Duration) {
	m.passes.Observe(took.Seconds())
	m.leading.Set(1)
	m.services.Reset()
	versions := 0
	for _, state := range []compile.State{compile.Managed, compile.Idle, compile.Skipped} {
		m.services.WithLabelValues(string(state)).Set(0)
	}
	for i := range p.result.Services {
		s := &p.result.Services[i]
		m.services.WithLabelValues(string(s.State)).Inc()
		if s.State == compile.Managed {
			versions += len(s.Versions)
		}
	}
	m.versions.Set(float64(versions))
	m.routes.Set(float64(len(p.planned.Routed)))
	m.held.Reset()
	for _, h := range p.planned.Blocked {
		m.held.WithLabelValues(string(h.Reason)).Inc()
	}
	m.refused.Reset()
	for _, r := range p.refused {
		m.refused.WithLabelValues(string(r.Code)).Inc()
	}
	m.diagnostics.Reset()
	for _, d := range p.diags {
		m.diagnostics.WithLabelValues(string(d.Code), d.Severity.String()).Inc()
	}
	m.perService.show(p.now, p.refusedOf())
	m.time(p)
}

// time measures how long versions wait for their routes, and routes outlive them.
func (m *metrics) time(p *picture) {
	m.mu.Lock()
	defer m.mu.Unlock()
	since := p.since
	if since.IsZero() {
		since = time.Now()
	}
	wanted := map[route.Version]bool{}
	for i := range p.result.Tables {
		for j := range p.result.Tables[i].Routes {
			if r := &p.result.Tables[i].Routes[j]; r.Kind == route.Override {
				wanted[r.Version] = true
			}
		}
	}
	for v := range wanted {
		if _, known := m.wanted[v]; !known && !m.routed[v] {
			m.wanted[v] = since
		}
		if _, placed := p.planned.Routed[v]; placed && !m.routed[v] {
			m.placed.Observe(time.Since(m.wanted[v]).Seconds())
			m.routed[v] = true
			delete(m.wanted, v)
		}
	}
	for v := range m.wanted {
		if !wanted[v] {
			delete(m.wanted, v)
		}
	}
	for v := range m.routed {
		if !wanted[v] {
			// The row went in this pass: no step leaves one that is not wanted.
			m.gone.Observe(time.Since(since).Seconds())
			delete(m.routed, v)
		}
	}
}
