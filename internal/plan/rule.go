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

// rules plans the objects of subsets: what is wanted, and what may still be named.
func (p *planner) planRules() error {
	wanted := map[diag.Object]bool{}
	for _, rule := range p.Result.SubsetRules {
		name := p.Backend.RuleObject(&rule)
		wanted[name] = true
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
		if seen.Subsets == nil || wanted[seen.Object] {
			continue
		}
		if err := p.retireRule(seen, p.drainingSubsets(seen, nil)); err != nil {
			return err
		}
	}
	return nil
}

// retire removes a rule that nobody wants, once all of it may go: one write. Only what
// stands in the way of a user's subset of the same name goes before the rest.
func (p *planner) retireRule(seen *observed, kept []route.Subset) error {
	if len(kept) == 0 {
		p.remove(seen.Object)
		return nil
	}
	goes := func(name string) bool {
		return p.conflicting[Cluster{Host: seen.Subsets.Host, Subset: name}] &&
			!slices.ContainsFunc(kept, func(k route.Subset) bool { return k.Name == name })
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

// kept lists subsets that are not wanted any more but that a proxy may have a
// route to.
func (p *planner) drainingSubsets(seen *observed, wanted []route.Subset) []route.Subset {
	if seen == nil || seen.Subsets == nil {
		return nil
	}
	var out []route.Subset
	for _, s := range seen.Subsets.Subsets {
		if slices.ContainsFunc(wanted, func(w route.Subset) bool { return w.Name == s.Name }) {
			continue
		}
		unnamed, ok := p.next.unreferencedSince[Cluster{Host: seen.Subsets.Host, Subset: s.Name}]
		if ok && p.drainElapsed(unnamed) {
			continue
		}
		out = append(out, s)
		held := Blocked{Object: seen.Object, Reason: SubsetInUse}
		if ok {
			held.Until = unnamed.Add(p.drainDelay)
		}
		p.block(held)
	}
	return out
}

// over reports whether what was given up at a time may go.
func (p *planner) drainElapsed(since time.Time) bool {
	return p.propagationElapsed(since) && p.Now.Sub(since) >= p.drainDelay
}

// sorted lists the observed objects.
func (p *planner) sortedObserved() []*observed {
	return slices.SortedFunc(maps.Values(p.observed), func(a, b *observed) int { return a.Compare(b.Object) })
}
