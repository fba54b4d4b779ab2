package operator

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/overrides-mesh/overrides/internal/proxysync"
)

// askMetrics are what istiod told of proxies, in numbers.
type askMetrics struct {
	proxies *prometheus.GaugeVec
	rounds  *prometheus.CounterVec
	settled prometheus.Histogram
}

func newAskMetrics() *askMetrics {
	return &askMetrics{
		proxies: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "overrides_proxies", Help: "Proxies, by what istiod said of them when something last waited for them.",
		}, []string{"state"}),
		rounds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "overrides_istiod_rounds_total", Help: "Times that all istiods were asked what proxies have, by result: done or failed.",
		}, []string{"result"}),
		settled: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "overrides_propagation_seconds", Help: "Time from a subset being seen in place to all proxies being known to have it.", Buckets: seconds,
		}),
	}
}

func (m *askMetrics) register(registry prometheus.Registerer) (unregister func()) {
	return register(registry, []prometheus.Collector{m.proxies, m.rounds, m.settled})
}

// asked notes what a round has found.
func (m *askMetrics) asked(out *proxysync.Output) {
	m.rounds.WithLabelValues("done").Inc()
	for _, s := range proxysync.States() {
		m.proxies.WithLabelValues(string(s)).Set(float64(out.Proxies[s]))
	}
}

// failed notes that nothing is known of any proxy.
func (m *askMetrics) failed() {
	m.rounds.WithLabelValues("failed").Inc()
	m.proxies.Reset()
}
