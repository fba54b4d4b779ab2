package plan

import (
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/model"
)

// Young is a cluster that proxies may not have yet, for all that Wait says.
type PendingCluster struct {
	Cluster

	// Since is when it was first seen as it is; HostSince when its host was, zero for
	// one that is no Service's.
	Since, HostSince time.Time
	// New is set where no cluster of that name was there for a while before: a proxy
	// that knows the name has this one.
	FirstOfName bool
	// Awaited is set where something is to be named as soon as proxies have it.
	Blocking bool
}

// appear notes that c is there, as what says.
func (p *planner) trackCluster(c Cluster, what string) {
	before, known := p.Memory.placed[c]
	if !known || before.fingerprint != what {
		_, left := p.Memory.removedSince[c]
		// Of what a first plan finds nobody knows what was there before.
		now := placement{fingerprint: what, since: p.Now, firstOfName: p.Memory.placed != nil && !known && !left, labels: p.labels[c]}
		if known {
			now.formerLabels = before.knownLabels(p)
		}
		before = now
	}
	p.next.placed[c] = before
}

// mayBeKnownAs lists the labels that proxies may think a cluster's pods to have; none
// where that is not known.
func (a *placement) knownLabels(p *planner) []map[string]string {
	if p.propagationElapsed(a.since) {
		return []map[string]string{a.labels}
	}
	if !a.firstOfName && a.formerLabels == nil {
		return nil
	}
	return append(slices.Clip(a.formerLabels), a.labels)
}

// wasWider reports whether proxies that know a young cluster as what it was before may
// send requests that follow it to pods which ordinary traffic must not have.
func (p *planner) mayLeak(c Cluster) bool {
	at, s := p.next.placed[c], p.services[c.Host]
	if at.firstOfName || p.propagated(c) {
		return false
	}
	if s == nil || at.formerLabels == nil {
		return true
	}
	mayHave := p.eligible(c.Host)
	return slices.ContainsFunc(s.Backends, func(b model.Backend) bool {
		return b.Pods > 0 && !mayHave(&b) && slices.ContainsFunc(at.formerLabels, func(labels map[string]string) bool { return model.HasLabels(b.Labels, labels) })
	})
}

// leave notes since when clusters have not been there, for as long as a proxy may
// know them still.
func (p *planner) trackRemoved() {
	trackGone(p, p.Memory.placed, p.next.placed, p.Memory.removedSince, p.next.removedSince)
}

// noteGone notes since when what was there before has not been there, for as long as a
// proxy may know it still.
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

// has reports whether proxies have a cluster that is placed.
func (p *planner) propagated(c Cluster) bool {
	at := p.next.placed[c].since
	known, ok := p.Acked[c]
	return ok && known.Equal(at) || p.propagationElapsed(at)
}

// young lists the clusters that proxies may not have yet.
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
