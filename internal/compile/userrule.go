package compile

import (
	"maps"
	"slices"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// userRules are the user's DestinationRules for the host of a Service, as far as they bind
// the rule to make.
type userRules struct {
	// of are the rules that Istio merges with the one to make, or that it takes the place
	// of.
	of []*mesh.Rule
	// subsets are those of merged rules that all proxies read; names are taken by them and
	// by others.
	subsets []route.Subset
	names   []string
	// exportTo is the user's, as written: Istio merges only rules in which it is equal.
	exportTo []string
	visible  []string
	// copied is a rule that the one to make would hide, so that it copies its policy and
	// subsets.
	copied        *model.DestinationRule
	policy        *istioapi.TrafficPolicy
	copiedSubsets []route.Subset
}

// rulesInForce finds the user's rules that are in force for callers in the namespace of a
// Service: the exact ones of that namespace, else the most specific wildcard there, else
// the same in the root namespace (istiod looks in that order and inherits nothing).
func rulesInForce(ix *index, g *given) []*mesh.Rule {
	all := ix.mesh.UserRules(g.host)
	for _, namespace := range []string{g.Namespace, ix.options.RootNamespace} {
		rules := filter(all, func(r *mesh.Rule) bool {
			return r.Namespace == namespace && (namespace == g.Namespace || ix.mesh.RuleScope(r).Includes(g.Namespace))
		})
		if len(rules) > 0 {
			return filter(rules, func(r *mesh.Rule) bool { return r.Host == rules[0].Host })
		}
	}
	return nil
}

// readRules returns what the rules in force mean for the rule to make.
func readRules(ix *index, g *given, rules []*mesh.Rule) userRules {
	switch {
	case len(rules) == 0:
		return userRules{exportTo: everybody(ix.meshDefaults().DestinationRuleExportTo)}
	case merge(g, rules):
		return mergedWith(ix, rules)
	}
	return shadowedCopy(ix, g, rules[0])
}

// merge reports whether Istio merges rules in force with one for the host of a Service.
// Others are rules for a wildcard, or of the root namespace: that one would hide them.
func merge(g *given, rules []*mesh.Rule) bool {
	return rules[0].Host == g.host && rules[0].Namespace == g.Namespace
}

// mergedWith is what binds a rule that Istio merges with others. Subsets of a rule of one
// revision are not used: proxies of other revisions have none of them.
func mergedWith(ix *index, rules []*mesh.Rule) userRules {
	out := userRules{exportTo: rules[0].ExportTo, visible: visible(ix, rules[0]), of: rules}
	for _, r := range rules {
		for _, subset := range r.Subsets {
			if r.Revision == "" {
				out.subsets = append(out.subsets, subset)
			}
			out.names = append(out.names, subset.Name)
		}
	}
	return out
}

// shadowedCopy is what binds a rule that hides another one: it copies it.
func shadowedCopy(ix *index, g *given, hidden *mesh.Rule) userRules {
	out := userRules{
		copied: hidden.User, policy: hidden.Policy, visible: visible(ix, hidden), of: []*mesh.Rule{hidden},
		exportTo: everybody(ix.meshDefaults().DestinationRuleExportTo),
	}
	if hidden.Namespace == g.Namespace {
		out.exportTo = hidden.ExportTo
	} else if out.visible != nil {
		out.exportTo = out.visible
	}
	for _, subset := range hidden.Subsets {
		out.copiedSubsets = append(out.copiedSubsets, subset)
		out.names = append(out.names, subset.Name)
	}
	return out
}

// visible lists the namespaces that see a rule; nil for all.
func visible(ix *index, r *mesh.Rule) []string {
	scope := ix.mesh.RuleScope(r)
	if scope.Public {
		return nil
	}
	return append([]string{}, scope.Namespaces...)
}

// find returns the name of the user's subset of exactly these labels, without those that
// every pod of the Service has. A subset for ordinary traffic must not bring a policy of
// its own.
func (x *userRules) find(labels, selector map[string]string, forPin bool) string {
	for _, subset := range x.subsets {
		if maps.Equal(without(subset.Labels, selector), without(labels, selector)) && (!forPin || subset.Policy == nil) && x.unique(subset.Name) {
			return subset.Name
		}
	}
	return ""
}

func (x *userRules) has(r *mesh.Rule) bool {
	return slices.ContainsFunc(x.of, func(mine *mesh.Rule) bool { return mine.Object == r.Object })
}

func (x *userRules) unique(name string) bool {
	n := 0
	for _, taken := range x.names {
		if taken == name {
			n++
		}
	}
	return n == 1
}

func (x *userRules) taken(name string) bool { return slices.Contains(x.names, name) }

// unmergeable says why Istio would not merge another rule with these.
func unmergeable(rules []*mesh.Rule) string {
	for _, r := range rules {
		switch {
		case r.Selector != nil:
			return r.Object.String() + " has a workloadSelector, so that selected callers see no other rule"
		case !sameStrings(r.ExportTo, rules[0].ExportTo):
			return r.Object.String() + " and " + rules[0].Object.String() + " have different exportTo, so that Istio keeps them apart"
		}
	}
	return ""
}

func sameStrings(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
