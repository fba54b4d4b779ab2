package plan

import (
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/route"
)

// rules plans DestinationRules: what is wanted, and what may still be named.
func (p *planner) rules() error {
	wanted := map[diag.Object]bool{}
	for _, rule := range p.Result.SubsetRules {
		name := rule.Object()
		wanted[name] = true
		if p.twice[name] {
			continue
		}
		rule.Subsets = slices.Concat(p.withLabels(&rule), p.kept(p.observed[name], rule.Subsets))
		slices.SortFunc(rule.Subsets, func(a, b route.Subset) int { return strings.Compare(a.Name, b.Name) })
		if err := p.make(name, nil, []route.SubsetRule{rule}); err != nil {
			return err
		}
	}
	for _, seen := range p.sorted("DestinationRule") {
		// One that nobody wants stays whole until all of it may go: one write.
		if !wanted[seen.Object] && len(p.kept(seen, nil)) == 0 {
			p.remove(seen.Object)
		}
	}
	return nil
}

// kept lists subsets that are not wanted any more but that a proxy may have a
// route to.
func (p *planner) kept(seen *sight, wanted []route.Subset) []route.Subset {
	if seen == nil {
		return nil
	}
	var out []route.Subset
	for _, s := range seen.DestinationRule.GetSubsets() {
		if slices.ContainsFunc(wanted, func(w route.Subset) bool { return w.Name == s.GetName() }) {
			continue
		}
		unnamed, ok := p.next.unnamed[Cluster{seen.DestinationRule.GetHost(), s.GetName()}]
		if ok && p.over(unnamed) {
			continue
		}
		out = append(out, route.Subset{Name: s.GetName(), Labels: s.GetLabels(), Policy: s.GetTrafficPolicy()})
		held := Held{Object: seen.Object, Reason: StillNamed}
		if ok {
			held.Until = unnamed.Add(p.keep)
		}
		p.hold(held)
	}
	return out
}

// over reports whether what was given up at a time may go.
func (p *planner) over(since time.Time) bool {
	return p.settled(since) && p.Now.Sub(since) >= p.keep
}

// sorted lists the observed objects of a kind.
func (p *planner) sorted(kind string) []*sight {
	var out []*sight
	for _, seen := range p.observed {
		if seen.Kind == kind {
			out = append(out, seen)
		}
	}
	slices.SortFunc(out, func(a, b *sight) int { return a.Compare(b.Object) })
	return out
}
