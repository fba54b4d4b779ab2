package operator

import (
	"errors"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/route"
)

// metrics are the Prometheus metrics of the operator.
type metrics struct {
	cycleDuration prometheus.Histogram
	routePlaced   prometheus.Histogram
	routeRemoved  prometheus.Histogram
	writes        *prometheus.CounterVec
	undone        *prometheus.CounterVec
	announced     *prometheus.CounterVec
	services      *prometheus.GaugeVec
	versions      prometheus.Gauge
	routes        prometheus.Gauge
	blocked       *prometheus.GaugeVec
	refused       *prometheus.GaugeVec
	diagnostics   *prometheus.GaugeVec
	leading       prometheus.Gauge
	perService    *serviceMetrics

	mu sync.Mutex
	// total adds up the tallies of all islands.
	total tally
	// rows are the rows of versions, in the cluster or planned.
	rows map[route.Version]timedRow
}

// timedRow is the row of a version. since is when the version became able to serve; placed
// is set once the row is in the cluster.
type timedRow struct {
	island *islandState
	since  time.Time
	placed bool
}

// durationBuckets are the buckets of durations, from a single write to a fault.
var durationBuckets = []float64{.005, .01, .025, .05, .1, .2, .3, .5, 1, 2, 5, 10, 30, 60}

func newMetrics() *metrics {
	histogram := func(name, help string) prometheus.Histogram {
		return prometheus.NewHistogram(prometheus.HistogramOpts{Name: "overrides_" + name, Help: help, Buckets: durationBuckets})
	}
	gauges := func(name, help string, labels ...string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "overrides_" + name, Help: help}, labels)
	}
	counters := func(name, help string, labels ...string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "overrides_" + name, Help: help}, labels)
	}
	m := &metrics{
		cycleDuration: histogram("reconcile_duration_seconds", "Time that one reconciliation took, without waiting for its writes."),
		routePlaced:   histogram("route_placed_seconds", "Time from the change that made a version able to serve to when its route is in the cluster."),
		routeRemoved:  histogram("route_removed_seconds", "Time from the change after which a version could not serve to when its route is removed."),
		writes:        counters("writes_total", "Writes of objects, by result: done, refused, stale or failed.", "kind", "action", "result"),
		undone:        counters("writes_undone_total", "Writes that another writer has undone, by the kind of the object.", "kind"),
		announced:     counters("version_events_total", "Events about versions.", "reason"),
		services:      gauges("services", "Services, by state: Managed, Idle or LeftAlone.", "state"),
		versions:      prometheus.NewGauge(prometheus.GaugeOpts{Name: "overrides_versions", Help: "Versions behind managed Services."}),
		routes:        prometheus.NewGauge(prometheus.GaugeOpts{Name: "overrides_versions_routed", Help: "Versions with a route in the cluster."}),
		blocked:       gauges("blocked", "Changes that wait before they may be written, by reason.", "reason"),
		refused:       gauges("refused", "Objects that can't be written, by the code of the diagnostic.", "code"),
		diagnostics:   gauges("diagnostics", "Diagnostics, by code and severity.", "code", "severity"),
		perService:    newServiceMetrics(),
		leading:       prometheus.NewGauge(prometheus.GaugeOpts{Name: "overrides_leading", Help: "1 in the replica that writes."}),
		rows:          map[route.Version]timedRow{},
	}
	return m
}

// register registers m, and returns a function that unregisters it. If several operators run
// in one process, as in tests, only the first one's metrics are registered.
func (m *metrics) register(registry prometheus.Registerer) (unregister func()) {
	return register(registry, []prometheus.Collector{
		m.cycleDuration, m.routePlaced, m.routeRemoved, m.writes, m.undone, m.announced, m.services, m.versions, m.routes, m.blocked, m.refused, m.diagnostics,
		m.perService, m.leading,
	})
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

// countWrite counts a write by its result.
func (m *metrics) countWrite(step plan.Step, err error) {
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

// cycleDone updates the metrics after a cycle that looked at the due islands.
func (m *metrics) cycleDone(due, gone []*islandState, took time.Duration) {
	m.cycleDuration.Observe(took.Seconds())
	m.leading.Set(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, p := range gone {
		m.total.add(p.shown.tally, -1)
		p.shown.tally = tally{}
	}
	for _, p := range due {
		now := p.tally()
		m.total.add(p.shown.tally, -1)
		m.total.add(now, 1)
		p.shown.tally = now
		m.perService.show(p)
		m.measureRows(p)
	}
	for _, p := range gone {
		m.perService.end(p)
		m.dropRows(p, nil, p.since)
	}
	m.total.show(m)
}

// forget drops the metrics of Services when this replica no longer leads.
func (m *metrics) forget() {
	m.leading.Set(0)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.perService.reset()
}

// measureRows measures how long versions of an island wait for their routes, and how long
// routes stay after their versions. The caller has locked m.mu.
func (m *metrics) measureRows(p *islandState) {
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
		row, known := m.rows[v]
		if !known {
			row.since = since
		}
		if _, placed := p.planned.Routed[v]; placed && !row.placed {
			m.routePlaced.Observe(time.Since(row.since).Seconds())
			row.placed = true
		}
		row.island = p
		m.rows[v] = row
	}
	m.dropRows(p, wanted, since)
	p.shown.versions = slices.Collect(maps.Keys(wanted))
}

// dropRows drops the rows of versions that an island no longer has, unless another island
// has them.
func (m *metrics) dropRows(p *islandState, wanted map[route.Version]bool, since time.Time) {
	for _, v := range p.shown.versions {
		row, known := m.rows[v]
		if wanted[v] || !known || row.island != p {
			continue
		}
		if row.placed {
			// It has just been removed: no plan keeps a row that is not wanted.
			m.routeRemoved.Observe(time.Since(since).Seconds())
		}
		delete(m.rows, v)
	}
}
