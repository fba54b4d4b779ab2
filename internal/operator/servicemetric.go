package operator

import (
	"maps"
	"slices"
	"sync"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/overrides-mesh/overrides/internal/current"
)

// serviceMetrics are metrics of the current state of each Service with previews or with
// objects of Overrides. Their series are made when they are asked for: five gauges of each
// Service would take 4 KiB.
type serviceMetrics struct {
	mu     sync.Mutex
	values map[[2]string]serviceValues
}

// serviceValues are the values of one Service, in the order of serviceGauges.
type serviceValues struct {
	island *islandState
	of     [5]int
}

var serviceGauges = [5]*prometheus.Desc{
	serviceGauge("pinned", "1 if the routes in the cluster send no ordinary traffic to previews, else 0."),
	serviceGauge("ready_pods", "Ready pods that get ordinary traffic by the routes in the cluster."),
	serviceGauge("open_doors", "Doors at which previews get ordinary traffic."),
	serviceGauge("waits", "Changes that wait before they may be written."),
	serviceGauge("refused", "Objects for the Service that can't be written."),
}

func serviceGauge(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("overrides_service_"+name, help, []string{"namespace", "name"}, nil)
}

func newServiceMetrics() *serviceMetrics {
	return &serviceMetrics{values: map[[2]string]serviceValues{}}
}

// Describe implements [prometheus.Collector].
func (m *serviceMetrics) Describe(to chan<- *prometheus.Desc) {
	for _, gauge := range serviceGauges {
		to <- gauge
	}
}

// Collect implements [prometheus.Collector].
func (m *serviceMetrics) Collect(to chan<- prometheus.Metric) {
	m.mu.Lock()
	now := maps.Clone(m.values)
	m.mu.Unlock()
	for name, values := range now {
		for i, gauge := range serviceGauges {
			to <- prometheus.MustNewConstMetric(gauge, prometheus.GaugeValue, float64(values.of[i]), name[0], name[1])
		}
	}
}

// show sets the values of the Services of an island.
func (m *serviceMetrics) show(p *islandState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	refused, now := p.refusedOf(), map[[2]string]bool{}
	for i := range p.current {
		s := &p.current[i]
		name := [2]string{s.Namespace, s.Name}
		pinned := 1
		if s.Pinned == current.Nowhere {
			pinned = 0
		}
		m.values[name] = serviceValues{island: p, of: [5]int{pinned, s.Ready, len(s.Open), len(s.Waits), refused[name]}}
		now[name] = true
	}
	m.drop(p, now)
	p.shown.services = slices.Collect(maps.Keys(now))
}

// end drops the values of an island.
func (m *serviceMetrics) end(p *islandState) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.drop(p, nil)
}

// drop drops the values of Services that an island no longer has, unless another island has
// them. The caller has locked m.mu.
func (m *serviceMetrics) drop(p *islandState, now map[[2]string]bool) {
	for _, name := range p.shown.services {
		if m.values[name].island == p && !now[name] {
			delete(m.values, name)
		}
	}
}

// reset drops all values.
func (m *serviceMetrics) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	clear(m.values)
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
