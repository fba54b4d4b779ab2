package operator

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/overrides-mesh/overrides/internal/current"
)

// serviceMetrics are metrics of the current state of each Service with previews or with
// objects of Overrides.
type serviceMetrics struct {
	pinned, ready, open, waits, refused *prometheus.GaugeVec
	// shown are the Services with series, and their values.
	shown map[[2]string]shownService
}

// shownService has the values of one Service and its island.
type shownService struct {
	island *islandState
	values [5]int
}

func newServiceMetrics() serviceMetrics {
	gauge := func(name, help string) *prometheus.GaugeVec {
		return prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: "overrides_service_" + name, Help: help}, []string{"namespace", "name"})
	}
	return serviceMetrics{
		pinned:  gauge("pinned", "1 if the routes in the cluster send no ordinary traffic to previews, else 0."),
		ready:   gauge("ready_pods", "Ready pods that get ordinary traffic by the routes in the cluster."),
		open:    gauge("open_doors", "Doors at which previews get ordinary traffic."),
		waits:   gauge("waits", "Changes that wait before they may be written."),
		refused: gauge("refused", "Objects for the Service that can't be written."),
		shown:   map[[2]string]shownService{},
	}
}

// all lists the gauges in the order of values.
func (m *serviceMetrics) all() []*prometheus.GaugeVec {
	return []*prometheus.GaugeVec{m.pinned, m.ready, m.open, m.waits, m.refused}
}

// show sets the series of the Services of an island.
func (m *serviceMetrics) show(p *islandState) {
	refused, now := p.refusedOf(), map[[2]string]bool{}
	for i := range p.current {
		s := &p.current[i]
		name := [2]string{s.Namespace, s.Name}
		pinned := 1
		if s.Pinned == current.Nowhere {
			pinned = 0
		}
		values := shownService{island: p, values: [5]int{pinned, s.Ready, len(s.Open), len(s.Waits), refused[name]}}
		now[name] = true
		before, there := m.shown[name]
		if m.shown[name] = values; there && before.values == values.values {
			continue
		}
		for j, gauge := range m.all() {
			gauge.WithLabelValues(s.Namespace, s.Name).Set(float64(values.values[j]))
		}
	}
	before := p.shown.services
	p.shown.services = now
	m.drop(p, before, now)
}

// end deletes the series of an island.
func (m *serviceMetrics) end(p *islandState) { m.drop(p, p.shown.services, nil) }

// drop deletes the series of Services that an island no longer has, unless another island
// has them.
func (m *serviceMetrics) drop(p *islandState, before, now map[[2]string]bool) {
	for name := range before {
		if s, there := m.shown[name]; now[name] || !there || s.island != p {
			continue
		}
		for _, gauge := range m.all() {
			gauge.DeleteLabelValues(name[0], name[1])
		}
		delete(m.shown, name)
	}
}

// reset deletes all series.
func (m *serviceMetrics) reset() {
	for _, gauge := range m.all() {
		gauge.Reset()
	}
	clear(m.shown)
}

// refusedOf counts the refused objects of each Service.
func (p *islandState) refusedOf() map[[2]string]int {
	out := map[[2]string]int{}
	for _, r := range p.refused {
		object := r.Step.Object.Object
		out[[2]string{object.Namespace, p.owner(object)}]++
	}
	return out
}

// findCurrent determines the current state of each Service and adds warnings about it. A dry
// run adds no warnings, because it writes nothing.
func (p *islandState) findCurrent(dryRun bool) {
	in := current.Input{Snapshot: p.snapshot, Result: &p.result, Planned: &p.planned, Observed: p.observed()}
	p.current, p.labelUse = current.Services(in), current.LabelUseOf(in)
	if dryRun {
		return
	}
	p.diags = append(p.diags, current.Warnings(in, p.current)...)
}
