package operator

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/overrides-mesh/overrides/internal/proxysync"
)

// askMetrics are what istiod told of proxies, in numbers.
type proxySyncMetrics struct {
	proxies     *prometheus.GaugeVec
	rounds      *prometheus.CounterVec
	propagation prometheus.Histogram
}

func newProxySyncMetrics() *proxySyncMetrics {
	return &proxySyncMetrics{
		proxies: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "overrides_proxies", Help: "Proxies, by what istiod said of them when something last waited for them.",
		}, []string{"state"}),
		rounds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "overrides_istiod_rounds_total", Help: "Times that all istiods were asked what proxies have, by result: done or failed.",
		}, []string{"result"}),
		propagation: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "overrides_propagation_seconds", Help: "Time from a subset being seen in place to all proxies being known to have it.", Buckets: durationBuckets,
		}),
	}
}

func (m *proxySyncMetrics) register(registry prometheus.Registerer) (unregister func()) {
	return register(registry, []prometheus.Collector{m.proxies, m.rounds, m.propagation})
}

// asked notes what a round has found.
func (m *proxySyncMetrics) roundDone(out *proxysync.Output) {
	m.rounds.WithLabelValues("done").Inc()
	for _, s := range proxysync.States() {
		m.proxies.WithLabelValues(string(s)).Set(float64(out.Proxies[s]))
	}
}

// failed notes that nothing is known of any proxy.
func (m *proxySyncMetrics) roundFailed() {
	m.rounds.WithLabelValues("failed").Inc()
	m.proxies.Reset()
}
