package plan

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/route"
)

// planRules plans the objects with subsets: the desired subsets, and those that routes may
// still reference.
func (p *planner) planRules() error {
	desired := map[diag.Object]bool{}
	for _, rule := range p.Result.SubsetRules {
		name := p.Backend.RuleObject(&rule)
		desired[name] = true
		if p.duplicates[name] {
			continue
		}
		rule.Subsets = slices.Concat(p.retainedSubsets(&rule), p.drainingSubsets(p.observed[name], rule.Subsets))
		slices.SortFunc(rule.Subsets, func(a, b route.Subset) int { return strings.Compare(a.Name, b.Name) })
		if err := p.render(name, nil, &rule); err != nil {
			return err
		}
	}
	for _, seen := range p.sortedObserved() {
		if seen.Subsets == nil || desired[seen.Object] {
			continue
		}
		if err := p.retireRule(seen, p.drainingSubsets(seen, nil)); err != nil {
			return err
		}
	}
	return nil
}

// retireRule removes an object that is no longer desired, in one write once all of its
// subsets have drained. Only subsets that conflict with a user's go before the rest.
func (p *planner) retireRule(seen *observed, draining []route.Subset) error {
	if len(draining) == 0 {
		p.remove(seen.Object)
		return nil
	}
	goes := func(name string) bool {
		return p.conflicting[Cluster{Host: seen.Subsets.Host, Subset: name}] &&
			!slices.ContainsFunc(draining, func(s route.Subset) bool { return s.Name == name })
	}
	if !slices.ContainsFunc(seen.Subsets.Subsets, func(s route.Subset) bool { return goes(s.Name) }) {
		return nil
	}
	rest, err := p.Backend.WithoutSubsets(encoded.Object{Object: seen.Object, JSON: seen.Managed}, func(name string) bool { return !goes(name) })
	if err != nil {
		return err
	}
	p.write(encoded.Object{Object: seen.Object, JSON: rest})
	return nil
}

// drainingSubsets lists the stored subsets that are no longer desired but that a proxy may
// still have a route to.
func (p *planner) drainingSubsets(seen *observed, desired []route.Subset) []route.Subset {
	if seen == nil || seen.Subsets == nil {
		return nil
	}
	var out []route.Subset
	for _, s := range seen.Subsets.Subsets {
		if slices.ContainsFunc(desired, func(d route.Subset) bool { return d.Name == s.Name }) {
			continue
		}
		since, ok := p.next.unreferencedSince[Cluster{Host: seen.Subsets.Host, Subset: s.Name}]
		if ok && p.drainElapsed(since) {
			continue
		}
		out = append(out, s)
		blocked := Blocked{Object: seen.Object, Reason: SubsetInUse}
		if ok {
			blocked.Until = since.Add(p.drainDelay)
		}
		p.block(blocked)
	}
	return out
}

// drainElapsed reports whether the drain delay is over for something unused since a time.
func (p *planner) drainElapsed(since time.Time) bool {
	return p.propagationElapsed(since) && p.Now.Sub(since) >= p.drainDelay
}

// sortedObserved lists the observed objects.
func (p *planner) sortedObserved() []*observed {
	return slices.SortedFunc(maps.Values(p.observed), func(a, b *observed) int { return a.Compare(b.Object) })
}
