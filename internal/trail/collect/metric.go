package collect

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/overrides-mesh/overrides/internal/trail"
)

// metrics are the Prometheus metrics of the collector.
type metrics struct {
	registry  *prometheus.Registry
	received  prometheus.Counter
	kept      prometheus.Counter
	dropped   *prometheus.CounterVec
	evicted   prometheus.Counter
	refused   *prometheus.CounterVec
	streams   prometheus.Gauge
	followers prometheus.Gauge
	missing   prometheus.Counter
}

// Reasons why a stream was refused, or a follower ended.
const (
	tooManyStreams  = "tooManyStreams"
	notAProxy       = "notAProxy"
	tooManyQueries  = "tooManyQueries"
	followerTooSlow = "followerTooSlow"
	notHTTP         = trail.Reason("notHTTP")
)

func newMetrics(s *store) *metrics {
	counter := func(name, help string) prometheus.Counter {
		return prometheus.NewCounter(prometheus.CounterOpts{Name: "overrides_trail_" + name, Help: help})
	}
	gauge := func(name, help string) prometheus.Gauge {
		return prometheus.NewGauge(prometheus.GaugeOpts{Name: "overrides_trail_" + name, Help: help})
	}
	counters := func(name, help string) *prometheus.CounterVec {
		return prometheus.NewCounterVec(prometheus.CounterOpts{Name: "overrides_trail_" + name, Help: help}, []string{"reason"})
	}
	held := func(name, help string, value func(records, bytes int) int) prometheus.GaugeFunc {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: "overrides_trail_" + name, Help: help}, func() float64 { return float64(value(s.held())) })
	}
	m := &metrics{
		registry:  prometheus.NewRegistry(),
		received:  counter("entries_received_total", "Entries of access logs that proxies have sent."),
		kept:      counter("records_kept_total", "Entries that became records."),
		dropped:   counters("entries_dropped_total", "Entries that became no record, by reason: unmarked, unfinished, notHTTP."),
		evicted:   counter("records_evicted_total", "Records that went because of their age or for newer ones."),
		refused:   counters("refused_total", "Streams and queries that were refused or ended, by reason: tooManyStreams, notAProxy, tooManyQueries, followerTooSlow."),
		streams:   gauge("streams", "Open streams of proxies."),
		followers: gauge("followers", "Queries that follow new records."),
		missing:   counter("peers_missing_total", "Queries of other replicas that had no answer."),
	}
	for _, r := range []trail.Reason{trail.Unmarked, trail.Unfinished, notHTTP} {
		m.dropped.WithLabelValues(string(r))
	}
	for _, r := range []string{tooManyStreams, notAProxy, tooManyQueries, followerTooSlow} {
		m.refused.WithLabelValues(r)
	}
	m.registry.MustRegister(
		m.received, m.kept, m.dropped, m.evicted, m.refused, m.streams, m.followers, m.missing,
		held("records", "Records that are held.", func(records, _ int) int { return records }),
		held("records_bytes", "About how much memory the records take, in bytes.", func(_, bytes int) int { return bytes }),
	)
	return m
}
