package proxysync

import (
	"cmp"
	"slices"

	"github.com/overrides-mesh/overrides/internal/plan"
)

const (
	// witnesses is how many proxies of an istiod are asked about in a round while it is
	// not known whether istiod has a cluster, rest how many of those that are then left.
	witnesses = 2
	rest      = 32
)

// ask lists what to ask next: first of any proxy whether it was sent the clusters;
// once that is known, of those that were sent nothing since whether they want to be.
// A list can be long, so nothing is asked that was answered and has not changed.
func (r *round) ask() {
	for i := range r.Answers {
		a := &r.Answers[i]
		in := r.next.istiods[a.Istiod]
		open := r.open(a)
		limit := rest
		searching := slices.ContainsFunc(open, func(c plan.Cluster) bool { _, known := in.has[c]; return !known })
		if searching {
			limit = witnesses
		}
		for _, p := range candidates(a, in) {
			q := Question{a.Istiod, p.ID}
			if limit == 0 {
				break
			}
			if r.bystander(p) || !r.unlisted(a, p) && (in.covers(p.ID, open) || !searching && r.worst[q] == Synced) {
				continue
			}
			r.out.Ask = append(r.out.Ask, q)
			limit--
		}
	}
	slices.SortFunc(r.out.Ask, compareQuestions)
}

// open lists the clusters of which it is not known yet that all have them.
func (r *round) open(a *Answer) []plan.Cluster {
	var out []plan.Cluster
	for i := range r.PendingClusters {
		y := &r.PendingClusters[i]
		if _, agreed := r.next.agreed[key{y.Cluster, y.Since}]; y.FirstOfName && !agreed && len(a.Proxies) > 0 {
			out = append(out, y.Cluster)
		}
	}
	return out
}

// covers reports whether nothing is to be learnt about clusters from asking about
// a proxy again.
func (i *instance) covers(id string, open []plan.Cluster) bool {
	l, ok := i.lists[id]
	return (ok || len(open) == 0) && !slices.ContainsFunc(open, func(c plan.Cluster) bool { _, sought := l.has[c]; return !sought })
}

// candidates are the proxies of an istiod that were sent anything, those with the
// latest first.
func candidates(a *Answer, in *instance) []*Proxy {
	var out []*Proxy
	count := map[string]int{}
	for i := range a.Proxies {
		count[a.Proxies[i].ID]++
	}
	for i := range a.Proxies {
		p := &a.Proxies[i]
		if _, ok := number(p.Clusters.Sent); ok && count[p.ID] == 1 {
			out = append(out, p)
		}
	}
	latest := func(p *Proxy) uint64 { n, _ := number(in.sent[p.ID]); return n }
	slices.SortStableFunc(out, func(a, b *Proxy) int {
		return cmp.Or(cmp.Compare(latest(b), latest(a)), cmp.Compare(a.ID, b.ID))
	})
	return out
}
