package proxysync

import (
	"cmp"
	"slices"

	"github.com/overrides-mesh/overrides/internal/plan"
)

const (
	// probeFanout is how many proxies of an istiod to ask about in a round until it is known
	// whether that istiod has a cluster; followUpFanout is how many of the others to ask
	// about then.
	probeFanout    = 2
	followUpFanout = 32
)

// ask lists the questions for the next round. While it is not known whether an istiod has
// the clusters, it asks about any proxies. Then it asks about proxies that were sent
// nothing since: they may not need the clusters. A list can be long, so it repeats no
// question whose answer can't have changed.
func (r *round) ask() {
	for i := range r.Answers {
		a := &r.Answers[i]
		in := r.next.istiods[a.Istiod]
		open := r.openClusters(a)
		limit := followUpFanout
		probing := slices.ContainsFunc(open, func(c plan.Cluster) bool { _, known := in.firstPush[c]; return !known })
		if probing {
			limit = probeFanout
		}
		for _, p := range candidates(a, in) {
			q := Question{a.Istiod, p.ID}
			if limit == 0 {
				break
			}
			if r.ignored(p) || !r.needsList(a, p) && (in.covers(p.ID, open) || !probing && r.worst[q] == Synced) {
				continue
			}
			r.out.Ask = append(r.out.Ask, q)
			limit--
		}
	}
	slices.SortFunc(r.out.Ask, compareQuestions)
}

// openClusters lists the clusters that are not known to be everywhere yet.
func (r *round) openClusters(a *Answer) []plan.Cluster {
	var out []plan.Cluster
	for i := range r.PendingClusters {
		c := &r.PendingClusters[i]
		if _, agreed := r.next.agreed[clusterKey{c.Cluster, c.Since}]; c.FirstOfName && !agreed && len(a.Proxies) > 0 {
			out = append(out, c.Cluster)
		}
	}
	return out
}

// covers reports whether the known list of a proxy already answers for all open clusters.
func (i *instance) covers(id string, open []plan.Cluster) bool {
	l, ok := i.lists[id]
	return (ok || len(open) == 0) && !slices.ContainsFunc(open, func(c plan.Cluster) bool { _, sought := l.has[c]; return !sought })
}

// candidates lists the proxies of an istiod that were sent clusters, the latest push first.
func candidates(a *Answer, in *instance) []*Proxy {
	var out []*Proxy
	count := map[string]int{}
	for i := range a.Proxies {
		count[a.Proxies[i].ID]++
	}
	for i := range a.Proxies {
		p := &a.Proxies[i]
		if _, ok := pushNumber(p.Clusters.Sent); ok && count[p.ID] == 1 {
			out = append(out, p)
		}
	}
	latest := func(p *Proxy) uint64 { n, _ := pushNumber(in.sent[p.ID]); return n }
	slices.SortStableFunc(out, func(a, b *Proxy) int {
		return cmp.Or(cmp.Compare(latest(b), latest(a)), cmp.Compare(a.ID, b.ID))
	})
	return out
}
