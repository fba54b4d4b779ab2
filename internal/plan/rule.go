package plan

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"
	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
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
		if wanted[seen.Object] {
			continue
		}
		if err := p.retire(seen, p.kept(seen, nil)); err != nil {
			return err
		}
	}
	return nil
}

// retire removes a rule that nobody wants, once all of it may go: one write. Only what
// stands in the way of a user's subset of the same name goes before the rest.
func (p *planner) retire(seen *sight, kept []route.Subset) error {
	if len(kept) == 0 {
		p.remove(seen.Object)
		return nil
	}
	goes := func(s *istioapi.Subset) bool {
		return p.contested[Cluster{seen.DestinationRule.GetHost(), s.GetName()}] &&
			!slices.ContainsFunc(kept, func(k route.Subset) bool { return k.Name == s.GetName() })
	}
	if !slices.ContainsFunc(seen.DestinationRule.GetSubsets(), goes) {
		return nil
	}
	var object istionetv1.DestinationRule
	if err := json.Unmarshal(seen.Managed, &object); err != nil {
		return fmt.Errorf("decode %s: %w", seen.Object, err)
	}
	object.Spec.Subsets = slices.DeleteFunc(object.Spec.GetSubsets(), goes)
	rest, err := istio.Canonical(&object.ObjectMeta, seen.Kind, &object.Spec)
	if err != nil {
		return err
	}
	p.out.Steps = append(p.out.Steps, Step{Update, rest})
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
