package plan

import (
	"math"
	"slices"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// interim returns t with ordinary traffic at a pin that proxies have already, for
// hosts where it reaches pods that are not released and the pin that is wanted has
// to wait: each change of what is wanted begins a new wait, in which such pods
// would go on getting ordinary requests. False means that there is no such pin.
func (p *planner) fallbackPin(t *route.Table, seen *observed) (*route.Table, bool) {
	out, moved := *t, false
	out.Routes = slices.Clone(t.Routes)
	substitutes := map[string]*Cluster{}
	for i := range out.Routes {
		r := &out.Routes[i]
		if r.Kind == route.Override {
			continue
		}
		before := r.Destinations
		r.Destinations = slices.Clone(before)
		for j := range r.Destinations {
			d := &r.Destinations[j]
			m := p.obstacle([]Cluster{{Host: d.Host, Subset: d.Subset}}, nil)
			if d.Subset == "" || !m.notPlaced && !m.pending {
				continue
			}
			if _, known := substitutes[d.Host]; !known {
				substitutes[d.Host] = p.pickFallback(t, seen, d.Host)
			}
			if c := substitutes[d.Host]; c != nil {
				d.Subset, moved = c.Subset, true
			}
		}
		if r.Destinations = mergeDestinations(r.Destinations); !slices.Equal(before, r.Destinations) {
			r.Delegated = nil // the delegate says something else
		}
	}
	return &out, moved
}

// strays reports whether ordinary traffic to a Service reaches, as things are,
// pods that are not released.
func (p *planner) leaks(seen *observed, host string, released func(*model.Backend) bool) bool {
	if seen == nil || seen.Delegates || seen.Ordinary.Has(Cluster{Host: host}) {
		return true
	}
	for _, c := range seen.Ordinary {
		labels, known := p.labels[c]
		if c.Host == host && p.conflicting[c] {
			return true
		}
		if c.Host == host && known && slices.ContainsFunc(p.services[host].Backends, func(b model.Backend) bool {
			return b.Pods > 0 && model.HasLabels(b.Labels, labels) && !released(&b)
		}) {
			return true
		}
	}
	return false
}

// substitute returns, where ordinary traffic to host strays, a subset that proxies
// have, and that has pods, but none which t does not want ordinary traffic to
// reach: that with most ready ones. Where none of its pods is ready though others
// are that are wanted, there is no substitute: requests that are served are better
// than none.
func (p *planner) pickFallback(t *route.Table, seen *observed, host string) *Cluster {
	s := p.services[host]
	if s == nil {
		return nil
	}
	released := p.ordinaryPods(t, host)
	if !p.leaks(seen, host, released) {
		return nil
	}
	_, named := referencedAlready(t, seen)
	best, most := p.bestSubset(s, host, released, named)
	if most == 0 && slices.ContainsFunc(s.Backends, func(b model.Backend) bool { return b.Ready > 0 && released(&b) }) {
		return nil
	}
	return best
}

// best returns the subset that proxies have, or that is named already, with most ready
// pods, of those with pods none of which is another than a condition says; nil for none.
func (p *planner) bestSubset(s *model.Service, host string, these func(*model.Backend) bool, named route.Clusters) (best *Cluster, most int) {
	return p.bestSubsetWhere(s, host, these, func(c Cluster) bool { return p.propagated(c) || named.Has(c) })
}

// bestOf is best among the subsets that are placed and of which a condition holds.
func (p *planner) bestSubsetWhere(s *model.Service, host string, these func(*model.Backend) bool, holds func(Cluster) bool) (best *Cluster, most int) {
	most = -1
	for _, c := range p.placedSubsets(host) {
		if !holds(c) || !p.unchangedByPlan(c) || p.conflicting[c] {
			continue
		}
		if ready, only := countReady(s, p.labels[c], these); only && ready > most {
			best, most = &c, ready
		}
	}
	return best, most
}

// subsets lists the subsets of a host that are placed, sorted.
func (p *planner) placedSubsets(host string) []Cluster {
	if p.subsetsByHost == nil {
		p.subsetsByHost = map[string][]Cluster{}
		for c := range p.next.placed {
			if c.Subset != "" {
				p.subsetsByHost[c.Host] = append(p.subsetsByHost[c.Host], c)
			}
		}
	}
	out := p.subsetsByHost[host]
	slices.SortFunc(out, Cluster.Compare)
	return out
}

// released returns what tells the pods to which t wants ordinary traffic to go.
func (p *planner) ordinaryPods(t *route.Table, host string) func(*model.Backend) bool {
	var pins []map[string]string
	for i := range t.Routes {
		for _, c := range t.Routes[i].AppendClusters(nil) {
			if labels, ok := p.desiredLabels(c); ok && c.Host == host && t.Routes[i].Kind != route.Override {
				pins = append(pins, labels)
			}
		}
	}
	return func(b *model.Backend) bool {
		return slices.ContainsFunc(pins, func(labels map[string]string) bool { return model.HasLabels(b.Labels, labels) })
	}
}

// definition returns the labels of a subset as they are wanted, or as they are
// where nothing is wanted of it. A whole Service has none.
func (p *planner) desiredLabels(c Cluster) (map[string]string, bool) {
	if labels, ok := p.desired[c]; ok {
		return labels, true
	}
	labels, ok := p.labels[c]
	return labels, ok && c.Subset != ""
}

// stays reports whether a subset will be after this plan what it is now.
func (p *planner) unchangedByPlan(c Cluster) bool {
	if _, ok := p.desired[c]; ok {
		return !p.labelsChange(c)
	}
	unnamed, ours := p.next.unreferencedSince[c]
	return !ours || !p.drainElapsed(unnamed)
}

// count counts the ready pods of s with labels, and reports whether there are
// pods with them and all of them are released.
func countReady(s *model.Service, labels map[string]string, released func(*model.Backend) bool) (ready int, only bool) {
	for i := range s.Backends {
		b := &s.Backends[i]
		if b.Pods == 0 || !model.HasLabels(b.Labels, labels) {
			continue
		}
		if !released(b) {
			return 0, false
		}
		ready, only = ready+b.Ready, true
	}
	return ready, only
}

// merge makes one destination of those that lead to the same place.
func mergeDestinations(in []route.Destination) []route.Destination {
	shares := make([]int64, len(in))
	for i := range in {
		shares[i] = int64(in[i].Weight)
	}
	return mergeWeighted(in, shares)
}

// mergeWeighted is merge with other weights than the destinations have.
func mergeWeighted(in []route.Destination, shares []int64) []route.Destination {
	var out []route.Destination
	var weights []int64
	total := int64(0)
	for n, d := range in {
		total += shares[n]
		same := func(o route.Destination) bool {
			return o.Host == d.Host && o.Subset == d.Subset && o.Port == d.Port && o.Headers == d.Headers
		}
		if i := slices.IndexFunc(out, same); i >= 0 {
			weights[i] += shares[n]
			continue
		}
		out, weights = append(out, d), append(weights, shares[n])
	}
	// A user's weights may be so large that two of them are more than an int32 holds.
	divisor := (total-1)/math.MaxInt32 + 1
	for i, w := range weights {
		if w > 0 {
			w = max(w/divisor, 1)
		}
		out[i].Weight = int32(w) //nolint:gosec // bounded above
	}
	if len(out) == 1 {
		out[0].Weight = 0
	}
	return out
}
