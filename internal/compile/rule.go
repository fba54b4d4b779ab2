package compile

import (
	"maps"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// rule is how the subsets of a Service come to be.
type rule struct {
	// own is the DestinationRule to make; nil where the user's has all subsets.
	own *route.SubsetRule
	// visible lists the namespaces that see the subsets; nil for all.
	visible []string
	// hiddenIn lists namespaces that have a rule of their own for the host, so
	// that proxies there see no subset of this one.
	hiddenIn []string
}

// planRule finds a subset for each part of the pin and each version of s: one
// of the user's where its labels are exactly these, else one of ours. Where
// Istio would not merge ours with what is there, s is left alone.
func (c *compiler) planRule(s *service) {
	if s.leftAlone || !s.active() {
		return
	}
	plan, ok := c.existingRule(s)
	if !ok {
		return
	}
	subsets := make([]route.Subset, 0, len(s.pin.parts)+len(s.versions))
	need := func(subset route.Subset, forPin bool) string {
		if existing := plan.find(subset.Labels, s.Selector, forPin); existing != "" {
			return existing
		}
		for plan.taken(subset.Name) {
			subset.Name = mangled(subset.Name)
		}
		if !slices.ContainsFunc(subsets, func(x route.Subset) bool { return x.Name == subset.Name }) {
			subsets = append(subsets, subset)
		}
		return subset.Name
	}
	for i := range s.pin.parts {
		p := &s.pin.parts[i]
		name := releasedSubset
		if p.version != "" {
			name = subsetName(p.version)
		}
		p.subset = need(route.Subset{Name: name, Labels: p.labels}, true)
	}
	for i := range s.versions {
		v := &s.versions[i]
		if v.isolated == nil && v.pods > 0 {
			v.subset = need(c.subsetOf(s.settings.VersionLabel, v.name), false)
		}
	}
	s.rule.visible = plan.visible
	s.rule.hiddenIn = c.hiddenFrom(s, &plan)
	if len(subsets) == 0 {
		return
	}
	c.finishRule(s, plan, subsets)
}

// subsetOf is the subset of the pods whose version label says version.
func (c *compiler) subsetOf(label, version string) route.Subset {
	key := [2]string{label, version}
	out, known := c.ofVersions[key]
	if !known {
		out = route.Subset{Name: subsetName(version), Labels: map[string]string{label: version}}
		c.ofVersions[key] = out
	}
	return out
}

func (c *compiler) finishRule(s *service, plan existing, subsets []route.Subset) {
	name := s.Name + ObjectSuffix
	object := diag.Object{Kind: "DestinationRule", Namespace: s.Namespace, Name: name}
	if why, refused := c.refused.Objects[object]; refused {
		c.leave(s, diag.OrdinaryTrafficWouldChange, "%s", why)
		return
	}
	if c.foreign[object] {
		c.leave(s, diag.NameTaken, "DestinationRule %s exists and is not ours", name)
		return
	}
	if plan.copied != nil {
		c.say(s, diag.DestinationRuleCopied, "the policy of %s is copied into DestinationRule %s, which hides it", plan.copied.Object(), name)
		subsets = append(plan.copiedSubsets, subsets...)
	}
	slices.SortFunc(subsets, func(a, b route.Subset) int { return strings.Compare(a.Name, b.Name) })
	s.rule.own = &route.SubsetRule{
		Released:  s.remember(),
		Namespace: s.Namespace, Name: name, Owner: s.Name, Host: s.host,
		ExportTo: plan.exportTo, Policy: plan.policy, Subsets: subsets,
	}
}

// existing is what the user's DestinationRules leave for ours.
type existing struct {
	// of are the user's rules that ours is merged with, or takes the place of.
	of []*mesh.Rule
	// subsets are those of rules that ours is merged with and that all proxies read;
	// names are taken by them and by others.
	subsets []route.Subset
	names   []string
	// exportTo is the user's, raw: Istio merges only rules in which it is equal.
	exportTo []string
	visible  []string
	// policy and copiedSubsets are those of a rule that ours would hide.
	copied        *model.DestinationRule
	policy        *istioapi.TrafficPolicy
	copiedSubsets []route.Subset
}

// find returns the name of the user's subset of exactly these labels, those
// aside that every pod of the Service has. A subset that ordinary traffic is to
// be sent to must not bring a policy of its own.
func (x *existing) find(labels, selector map[string]string, forPin bool) string {
	for _, subset := range x.subsets {
		if maps.Equal(without(subset.Labels, selector), without(labels, selector)) && (!forPin || subset.Policy == nil) && x.unique(subset.Name) {
			return subset.Name
		}
	}
	return ""
}

func (x *existing) has(r *mesh.Rule) bool {
	return slices.ContainsFunc(x.of, func(mine *mesh.Rule) bool { return mine.Object == r.Object })
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

func (x *existing) unique(name string) bool {
	n := 0
	for _, taken := range x.names {
		if taken == name {
			n++
		}
	}
	return n == 1
}

func (x *existing) taken(name string) bool { return slices.Contains(x.names, name) }

// existingRule finds the user's rule that is in force for callers in the namespace of
// s: the exact ones of that namespace, else the most specific wildcard there, else the
// same in the root namespace (istiod looks in that order and inherits nothing).
func (c *compiler) existingRule(s *service) (existing, bool) {
	all := c.mesh.UserRules(s.host)
	for _, namespace := range []string{s.Namespace, c.options.RootNamespace} {
		rules := keep(all, func(r *mesh.Rule) bool {
			return r.Namespace == namespace && (namespace == s.Namespace || c.mesh.RuleScope(r).Includes(s.Namespace))
		})
		if len(rules) == 0 {
			continue
		}
		rules = keep(rules, func(r *mesh.Rule) bool { return r.Host == rules[0].Host })
		if c.refusedRule(s, rules) {
			return existing{}, false
		}
		if why := unmergeable(rules); why != "" {
			c.leave(s, diag.DestinationRuleUnmergeable, "%s", why)
			return existing{}, false
		}
		if rules[0].Host == s.host && namespace == s.Namespace {
			return c.joined(rules), true
		}
		return c.copyOf(s, rules)
	}
	return existing{exportTo: everybody(c.snapshot.Mesh.DestinationRuleExportTo)}, true
}

// everybody is the exportTo with which everybody sees an object: none, unless the mesh
// has another default for its kind.
func everybody(byDefault []string) []string {
	if byDefault == nil {
		return nil
	}
	return []string{"*"}
}

func keep[T any](list []T, want func(T) bool) []T {
	var out []T
	for _, x := range list {
		if want(x) {
			out = append(out, x)
		}
	}
	return out
}

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

// joined is the plan beside rules that ours is merged with. A rule of one revision
// lends nothing: in others there is none of it.
func (c *compiler) joined(rules []*mesh.Rule) existing {
	out := existing{exportTo: rules[0].ExportTo, visible: c.visible(rules[0]), of: rules}
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

// visible lists the namespaces that see a rule; nil for all.
func (c *compiler) visible(r *mesh.Rule) []string {
	scope := c.mesh.RuleScope(r)
	if scope.Public {
		return nil
	}
	return append([]string{}, scope.Namespaces...)
}

// copyOf is the plan where ours hides rules: what they say is copied.
func (c *compiler) copyOf(s *service, rules []*mesh.Rule) (existing, bool) {
	d := rules[0]
	switch {
	case len(rules) > 1:
		c.leave(s, diag.DestinationRuleUnmergeable, "%s and %s apply to it by a wildcard, and only one can be copied", d.Object, rules[1].Object)
		return existing{}, false
	case len(d.User.Unknown) > 0:
		c.leave(s, diag.DestinationRuleUnmergeable, "%s applies to it and has fields that are not known here: %s", d.Object, list(d.User.Unknown))
		return existing{}, false
	case c.refusedCopy(s, d.User) != "":
		c.leave(s, diag.DestinationRuleUnmergeable, "%s applies to it and can't be copied into its namespace: %s", d.Object, c.refusedCopy(s, d.User))
		return existing{}, false
	}
	out := existing{copied: d.User, policy: d.Policy, visible: c.visible(d), of: rules, exportTo: everybody(c.snapshot.Mesh.DestinationRuleExportTo)}
	if d.Namespace == s.Namespace {
		out.exportTo = d.ExportTo
	} else if out.visible != nil {
		out.exportTo = out.visible
	}
	for _, subset := range d.Subsets {
		out.copiedSubsets = append(out.copiedSubsets, subset)
		out.names = append(out.names, subset.Name)
	}
	return out, true
}

// hiddenFrom lists the namespaces of callers that see another rule for the host of s
// than those that ours is merged with, or takes the place of: proxies there see no
// subset of ours.
func (c *compiler) hiddenFrom(s *service, plan *existing) []string {
	if len(c.mesh.UserRules(s.host)) == 0 {
		return nil
	}
	hidden := map[string]bool{}
	for _, x := range c.islandsOf(s.host) {
		classes, ok := x.Classes()
		if !ok {
			c.leave(s, diag.TooManyCallers, "more than %d kinds of callers are told apart by labels", mesh.MaxLabels)
			return nil
		}
		for _, class := range classes {
			r := x.Rule(class, s.host)
			if r == nil || !slices.ContainsFunc(r.From, func(f *mesh.Rule) bool { return !plan.has(f) }) {
				continue
			}
			for _, n := range class.Namespaces {
				if !hidden[n] {
					hidden[n] = true
					c.say(s, diag.DestinationRuleOfCaller, "callers in namespace %s see %s instead of the subsets of the versions: overrides are not followed there, and ordinary traffic from there goes to all pods", n, list(names(r.Objects())))
				}
			}
		}
	}
	return slices.Sorted(maps.Keys(hidden))
}

func names(objects []diag.Object) []string {
	var out []string
	for _, o := range objects {
		out = append(out, o.String())
	}
	return out
}
