package compile

import (
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/route"
)

// subsetPlan is how the subsets of a Service come to be.
type subsetPlan struct {
	// ofParts and ofVersions name a subset for each part of the pin and for each version,
	// in their order; it is empty for versions that need none.
	ofParts, ofVersions []string
	// own is the DestinationRule to make; nil if the user's has all subsets.
	own *route.SubsetRule
	// visible lists the namespaces that see the subsets; nil for all.
	visible []string
	// hiddenIn lists namespaces that have a rule of their own for the host, so
	// that proxies there see no subset of this one.
	hiddenIn []string
}

// planSubsets finds a subset for each part of the pin and each version of s: one of the user
// with exactly these labels, else one to make. It skips s if Istio would not merge the rule
// to make with the user's.
func planSubsets(ix *index, s *service, r *reporter) (subsetPlan, *skip) {
	in := &skipInput{ix: ix, service: s, rules: rulesInForce(ix, &s.given)}
	if k := firstReason(besideRules, in, r); k != nil {
		return subsetPlan{}, k
	}
	users := readRules(ix, &s.given, in.rules)
	naming := subsetNaming{users: &users, selector: s.Selector, made: make([]route.Subset, 0, len(s.pin.parts)+len(s.versions))}
	plan := naming.plan(s)
	plan.visible, plan.hiddenIn = users.visible, hiddenFrom(ix, s, &users, r)
	if len(naming.made) == 0 {
		return plan, nil
	}
	name := s.Name + ObjectSuffix
	in.object = diag.Object{Kind: "DestinationRule", Namespace: s.Namespace, Name: name}
	if k := firstReason(withRule, in, r); k != nil {
		return subsetPlan{}, k
	}
	subsets := naming.made
	if users.copied != nil {
		subsets = append(users.copiedSubsets, subsets...)
		r.report(s.Service, diag.DestinationRuleCopied, "the policy of %s is copied into DestinationRule %s, which hides it", users.copied.Object(), name)
	}
	slices.SortFunc(subsets, func(a, b route.Subset) int { return strings.Compare(a.Name, b.Name) })
	plan.own = &route.SubsetRule{
		Released:  s.remember(),
		Namespace: s.Namespace, Name: name, Owner: s.Name, Host: s.host,
		ExportTo: users.exportTo, Policy: users.policy, Subsets: subsets,
	}
	return plan, nil
}

// subsetNaming names the subsets of one Service.
type subsetNaming struct {
	users    *userRules
	selector map[string]string
	// made are the subsets that the user's rules don't have.
	made []route.Subset
}

// plan names a subset for each part of the pin and each version.
func (x *subsetNaming) plan(s *service) subsetPlan {
	names := make([]string, len(s.pin.parts)+len(s.versions))
	out := subsetPlan{ofParts: names[:len(s.pin.parts)], ofVersions: names[len(s.pin.parts):]}
	for i, p := range s.pin.parts {
		name := releasedSubset
		if p.version != "" {
			name = subsetName(p.version)
		}
		out.ofParts[i] = x.name(route.Subset{Name: name, Labels: p.labels}, true)
	}
	for i, v := range s.versions {
		if v.isolated == nil && v.pods > 0 && !v.expired {
			out.ofVersions[i] = x.name(route.Subset{Name: subsetName(v.name), Labels: map[string]string{s.settings.VersionLabel: v.name}}, false)
		}
	}
	return out
}

// name returns the name of the user's subset of the same labels, or makes the subset,
// under a name that is not taken.
func (x *subsetNaming) name(subset route.Subset, forPin bool) string {
	if name := x.users.find(subset.Labels, x.selector, forPin); name != "" {
		return name
	}
	for x.users.taken(subset.Name) {
		subset.Name = mangled(subset.Name)
	}
	if !slices.ContainsFunc(x.made, func(m route.Subset) bool { return m.Name == subset.Name }) {
		x.made = append(x.made, subset)
	}
	return subset.Name
}

// hiddenFrom lists the namespaces of callers that see another rule for the host of s than
// those that the rule to make is merged with, or takes the place of: proxies there see none
// of its subsets.
func hiddenFrom(ix *index, s *service, users *userRules, r *reporter) []string {
	if len(ix.mesh.UserRules(s.host)) == 0 {
		return nil
	}
	hidden := map[string]bool{}
	for _, x := range ix.islandsOf(s.host) {
		classes, _ := x.Classes()
		for _, class := range classes {
			rule := x.Rule(class, s.host)
			if rule == nil || !slices.ContainsFunc(rule.From, func(f *mesh.Rule) bool { return !users.has(f) }) {
				continue
			}
			for _, n := range class.Namespaces {
				if !hidden[n] {
					hidden[n] = true
					r.report(s.Service, diag.DestinationRuleOfCaller, "callers in namespace %s see %s instead of the subsets of the versions: overrides are not followed there, and ordinary traffic from there goes to all pods", n, enumerate(objectNames(rule.Objects())))
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(hidden))
}

// seenFrom reports whether proxies in a namespace see the subsets.
func (p *subsetPlan) seenFrom(namespace string) bool {
	return !slices.Contains(p.hiddenIn, namespace) && (p.visible == nil || slices.Contains(p.visible, namespace))
}

// everybody is the exportTo with which everybody sees an object: none, unless the mesh has
// another default for its kind.
func everybody(byDefault []string) []string {
	if byDefault == nil {
		return nil
	}
	return []string{"*"}
}

// without returns labels but for the pairs that common has too.
func without(labels, common map[string]string) map[string]string {
	out := maps.Clone(labels)
	maps.DeleteFunc(out, func(key, value string) bool {
		shared, ok := common[key]
		return ok && shared == value
	})
	return out
}
