package operator

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grant"
)

// grantMetrics are metrics of grants.
type grantMetrics struct {
	grants *prometheus.GaugeVec
	tokens *prometheus.CounterVec
	keys   prometheus.Gauge
}

func newGrantMetrics() *grantMetrics {
	return &grantMetrics{
		grants: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "overrides_grants", Help: "OverrideGrants, by the reason of the condition Accepted.",
		}, []string{"reason"}),
		tokens: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "overrides_grant_tokens_total", Help: "Tokens that were made for OverrideGrants, by result: written or failed.",
		}, []string{"result"}),
		keys: prometheus.NewGauge(prometheus.GaugeOpts{Name: "overrides_signing_keys", Help: "Keys that are published for tokens of OverrideGrants."}),
	}
}

func (m *grantMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.grants, m.tokens, m.keys}
}

// show shows the present grants and keys.
func (m *grantMetrics) show(decisions []grant.Decision, ring grant.Ring) {
	counts := map[string]int{
		v1alpha1.PolicyReasonAccepted: 0, v1alpha1.PolicyReasonInvalid: 0, v1alpha1.GrantReasonNotPermitted: 0, v1alpha1.GrantReasonTooMany: 0, v1alpha1.GrantReasonExpired: 0,
	}
	for i := range decisions {
		if d := &decisions[i]; d.Accepted {
			counts[v1alpha1.PolicyReasonAccepted]++
		} else {
			counts[d.Reason]++
		}
	}
	for reason, n := range counts {
		m.grants.WithLabelValues(reason).Set(float64(n))
	}
	m.keys.Set(float64(len(ring)))
}

// forget drops the metrics of a replica that no longer leads.
func (m *grantMetrics) forget() { m.grants.Reset() }
