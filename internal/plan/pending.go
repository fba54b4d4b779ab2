package plan

import (
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/model"
)

// PendingCluster is a cluster that some proxies may not have received yet, judging by the
// propagation delay alone.
type PendingCluster struct {
	Cluster

	// Since is when a plan first saw the cluster with its present definition. HostSince is
	// when a plan first saw its Service, or zero if the host is no Service.
	Since, HostSince time.Time
	// FirstOfName is set if no cluster of that name existed for a while before: a proxy that
	// knows the name then has the present definition.
	FirstOfName bool
	// Blocking is set if a change waits until all proxies have the cluster.
	Blocking bool
}

// trackCluster records that c exists with the definition that fingerprint identifies.
func (p *planner) trackCluster(c Cluster, fingerprint string) {
	at, known := p.before.placed[c]
	if !known || at.fingerprint != fingerprint {
		_, removed := p.before.removedSince[c]
		// On the first plan nobody knows whether the name existed before.
		firstPlan := !p.before.known
		now := placement{fingerprint: fingerprint, since: p.Now, firstOfName: !firstPlan && !known && !removed, labels: p.labels[c]}
		if known {
			now.formerLabels = at.knownLabels(p)
		}
		at = now
	}
	p.next.placed[c] = at
}

// knownLabels lists the labels that proxies may select the cluster's pods by; nil if that
// is unknown.
func (a *placement) knownLabels(p *planner) []map[string]string {
	if p.propagationElapsed(a.since) {
		return []map[string]string{a.labels}
	}
	if !a.firstOfName && a.formerLabels == nil {
		return nil
	}
	return append(slices.Clip(a.formerLabels), a.labels)
}

// mayLeak reports whether a proxy that still has an earlier definition of a pending
// cluster may send ordinary requests to pods that are not eligible for them.
func (p *planner) mayLeak(c Cluster) bool {
	at, s := p.next.placed[c], p.services[c.Host]
	if at.firstOfName || p.propagated(c) {
		return false
	}
	if s == nil || at.formerLabels == nil {
		return true
	}
	eligible := p.eligible(c.Host)
	return slices.ContainsFunc(s.Backends, func(b model.Backend) bool {
		return b.Pods > 0 && !eligible(&b) && slices.ContainsFunc(at.formerLabels, func(labels map[string]string) bool { return model.HasLabels(b.Labels, labels) })
	})
}

// trackRemoved records since when clusters have been gone.
func (p *planner) trackRemoved() {
	trackGone(p, p.before.placed, p.next.placed, p.before.removedSince, p.next.removedSince)
}

// trackGone records in next since when the keys of before have been missing from now, for
// as long as a proxy may still know them. gone is what the previous plan recorded.
func trackGone[K comparable, V any](p *planner, before, now map[K]V, gone, next map[K]time.Time) {
	for key := range before {
		if _, there := now[key]; !there {
			next[key] = p.Now
		}
	}
	for key, at := range gone {
		if _, there := now[key]; !there && p.Now.Sub(at) < p.drainDelay {
			next[key] = at
		}
	}
}

// propagated reports whether all proxies have a placed cluster: they have acknowledged it,
// or the propagation delay is over.
func (p *planner) propagated(c Cluster) bool {
	at := p.next.placed[c].since
	acked, ok := p.Acked[c]
	return ok && acked.Equal(at) || p.propagationElapsed(at)
}

// pendingClusters lists the clusters that some proxies may not have received yet.
func (p *planner) pendingClusters() []PendingCluster {
	var out []PendingCluster
	for c, at := range p.next.placed {
		if !p.propagationElapsed(at.since) {
			out = append(out, PendingCluster{
				Cluster: c, Since: at.since, HostSince: p.next.placed[Cluster{Host: c.Host}].since,
				FirstOfName: at.firstOfName, Blocking: p.blocking[c] && !p.propagated(c),
			})
		}
	}
	slices.SortFunc(out, func(a, b PendingCluster) int { return a.Compare(b.Cluster) })
	return out
}
