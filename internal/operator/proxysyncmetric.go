package operator

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/overrides-mesh/overrides/internal/proxysync"
)

// proxySyncMetrics are metrics of what istiod reports about proxies.
type proxySyncMetrics struct {
	proxies     *prometheus.GaugeVec
	rounds      *prometheus.CounterVec
	propagation prometheus.Histogram
}

func newProxySyncMetrics() *proxySyncMetrics {
	return &proxySyncMetrics{
		proxies: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "overrides_proxies", Help: "Proxies, by the state that istiod reported when a change last waited for them.",
		}, []string{"state"}),
		rounds: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "overrides_istiod_rounds_total", Help: "Rounds in which all istiods were asked which configuration proxies have, by result: done or failed.",
		}, []string{"result"}),
		propagation: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "overrides_propagation_seconds", Help: "Time from when a subset is seen in the cluster to when all proxies are known to have it.", Buckets: durationBuckets,
		}),
	}
}

func (m *proxySyncMetrics) register(registry prometheus.Registerer) (unregister func()) {
	return register(registry, []prometheus.Collector{m.proxies, m.rounds, m.propagation})
}

// roundDone records the result of a round.
func (m *proxySyncMetrics) roundDone(out *proxysync.Output) {
	m.rounds.WithLabelValues("done").Inc()
	for _, s := range proxysync.States() {
		m.proxies.WithLabelValues(string(s)).Set(float64(out.Proxies[s]))
	}
}

// roundFailed records that the state of proxies is unknown.
func (m *proxySyncMetrics) roundFailed() {
	m.rounds.WithLabelValues("failed").Inc()
	m.proxies.Reset()
}
