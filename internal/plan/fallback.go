package plan

import (
	"math"
	"slices"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// fallbackPin returns t with a fallback pin for each host whose desired pin has to wait
// while ordinary traffic reaches unreleased pods. Proxies have the fallback already. Without
// it, each change of the desired pin would start a new wait in which unreleased pods keep
// getting ordinary requests. It returns false if no host has a fallback.
func (p *planner) fallbackPin(t *route.Table, seen *observed) (*route.Table, bool) {
	out, moved := *t, false
	out.Routes = slices.Clone(t.Routes)
	fallbacks := map[string]*Cluster{}
	for i := range out.Routes {
		r := &out.Routes[i]
		if r.Kind == route.Override {
			continue
		}
		before := r.Destinations
		r.Destinations = slices.Clone(before)
		for j := range r.Destinations {
			d := &r.Destinations[j]
			o := p.obstacle([]Cluster{{Host: d.Host, Subset: d.Subset}}, nil)
			if d.Subset == "" || !o.notPlaced && !o.pending {
				continue
			}
			if _, known := fallbacks[d.Host]; !known {
				fallbacks[d.Host] = p.pickFallback(t, seen, d.Host)
			}
			if c := fallbacks[d.Host]; c != nil {
				d.Subset, moved = c.Subset, true
			}
		}
		if r.Destinations = mergeDestinations(r.Destinations); !slices.Equal(before, r.Destinations) {
			r.Delegated = nil // the delegate has other destinations
		}
	}
	return &out, moved
}

// leaks reports whether ordinary traffic of a Service reaches unreleased pods now.
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

// pickFallback returns the subset to pin ordinary traffic of host to while the desired pin
// waits: of the subsets that proxies have and whose pods t wants it to reach, the one with
// most ready pods. It returns nil if ordinary traffic does not leak, or if no fallback has
// a ready pod while other pods that t wants have: requests that are served are better than
// none.
func (p *planner) pickFallback(t *route.Table, seen *observed, host string) *Cluster {
	s := p.services[host]
	if s == nil {
		return nil
	}
	released := p.ordinaryPods(t, host)
	if !p.leaks(seen, host, released) {
		return nil
	}
	_, referenced := referencedAlready(t, seen)
	best, most := p.bestSubset(s, host, released, referenced)
	if most == 0 && slices.ContainsFunc(s.Backends, func(b model.Backend) bool { return b.Ready > 0 && released(&b) }) {
		return nil
	}
	return best
}

// bestSubset returns the subset with most ready pods, of those that proxies have or routes
// already reference, and that contain pods, all of which satisfy these. It returns nil if
// there is none.
func (p *planner) bestSubset(s *model.Service, host string, these func(*model.Backend) bool, referenced route.Clusters) (best *Cluster, most int) {
	return p.bestSubsetWhere(s, host, these, func(c Cluster) bool { return p.propagated(c) || referenced.Has(c) })
}

// bestSubsetWhere is bestSubset for the placed subsets that satisfy a condition.
func (p *planner) bestSubsetWhere(s *model.Service, host string, these func(*model.Backend) bool, condition func(Cluster) bool) (best *Cluster, most int) {
	most = -1
	for _, c := range p.placedSubsets(host) {
		if !condition(c) || !p.unchangedByPlan(c) || p.conflicting[c] {
			continue
		}
		if ready, only := countReady(s, p.labels[c], these); only && ready > most {
			best, most = &c, ready
		}
	}
	return best, most
}

// placedSubsets lists the placed subsets of a host, sorted.
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

// ordinaryPods returns a predicate for the pods that t wants ordinary traffic to reach.
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

// desiredLabels returns the desired labels of a subset, or its stored labels if it is not
// desired. A whole Service has none.
func (p *planner) desiredLabels(c Cluster) (map[string]string, bool) {
	if labels, ok := p.desired[c]; ok {
		return labels, true
	}
	labels, ok := p.labels[c]
	return labels, ok && c.Subset != ""
}

// unchangedByPlan reports whether this plan leaves a subset as it is.
func (p *planner) unchangedByPlan(c Cluster) bool {
	if _, ok := p.desired[c]; ok {
		return !p.labelsChange(c)
	}
	since, unreferenced := p.next.unreferencedSince[c]
	return !unreferenced || !p.drainElapsed(since)
}

// countReady counts the ready pods of s with some labels, and reports whether pods with
// these labels exist and all satisfy these.
func countReady(s *model.Service, labels map[string]string, these func(*model.Backend) bool) (ready int, only bool) {
	for i := range s.Backends {
		b := &s.Backends[i]
		if b.Pods == 0 || !model.HasLabels(b.Labels, labels) {
			continue
		}
		if !these(b) {
			return 0, false
		}
		ready, only = ready+b.Ready, true
	}
	return ready, only
}

// mergeDestinations merges destinations that lead to the same place.
func mergeDestinations(in []route.Destination) []route.Destination {
	shares := make([]int64, len(in))
	for i := range in {
		shares[i] = int64(in[i].Weight)
	}
	return mergeWeighted(in, shares)
}

// mergeWeighted is mergeDestinations with other weights than those of the destinations.
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
	// The sum of a user's weights may overflow an int32.
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
