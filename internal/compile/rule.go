package compile

import (
	"maps"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
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
	var subsets []route.Subset
	need := func(name string, labels map[string]string, forPin bool) string {
		if existing := plan.find(labels, s.Selector, forPin); existing != "" {
			return existing
		}
		for plan.taken(name) {
			name = mangled(name)
		}
		if !slices.ContainsFunc(subsets, func(x route.Subset) bool { return x.Name == name }) {
			subsets = append(subsets, route.Subset{Name: name, Labels: labels})
		}
		return name
	}
	for i := range s.pin.parts {
		p := &s.pin.parts[i]
		name := releasedSubset
		if p.version != "" {
			name = subsetName(p.version)
		}
		p.subset = need(name, p.labels, true)
	}
	for i := range s.versions {
		v := &s.versions[i]
		if v.isolated == nil && v.pods > 0 {
			v.subset = need(subsetName(v.name), map[string]string{s.settings.VersionLabel: v.name}, false)
		}
	}
	s.rule.visible = plan.visible
	s.rule.hiddenIn = c.rulesOfCallers(s)
	if len(subsets) == 0 {
		return
	}
	c.finishRule(s, plan, subsets)
}

func (c *compiler) finishRule(s *service, plan existing, subsets []route.Subset) {
	name := s.Name + ObjectSuffix
	if c.foreign[diag.Object{Kind: "DestinationRule", Namespace: s.Namespace, Name: name}] {
		c.leave(s, diag.NameTaken, "DestinationRule %s exists and is not ours", name)
		return
	}
	if plan.copied != nil {
		c.say(s, diag.DestinationRuleCopied, "the policy of %s is copied into DestinationRule %s, which hides it", plan.copied.Object(), name)
		subsets = append(plan.copiedSubsets, subsets...)
	}
	slices.SortFunc(subsets, func(a, b route.Subset) int { return strings.Compare(a.Name, b.Name) })
	s.rule.own = &route.SubsetRule{
		Namespace: s.Namespace, Name: name, Owner: s.Name, Host: s.host,
		ExportTo: plan.exportTo, Policy: plan.policy, Subsets: subsets,
	}
}

// existing is what the user's DestinationRules leave for ours.
type existing struct {
	// subsets are the user's, of rules that ours is merged with.
	subsets []*istioapi.Subset
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
		if maps.Equal(without(subset.GetLabels(), selector), without(labels, selector)) && (!forPin || subset.GetTrafficPolicy() == nil) && x.unique(subset.GetName()) {
			return subset.GetName()
		}
	}
	return ""
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
	for _, subset := range x.subsets {
		if subset.GetName() == name {
			n++
		}
	}
	return n == 1
}

func (x *existing) taken(name string) bool {
	return slices.ContainsFunc(x.subsets, func(s *istioapi.Subset) bool { return s.GetName() == name }) ||
		slices.ContainsFunc(x.copiedSubsets, func(s route.Subset) bool { return s.Name == name })
}

// existingRule finds the user's rule that is in force for s: the exact ones of
// its namespace, else the most specific wildcard there, else the same in the
// root namespace (istiod looks in that order and inherits nothing).
func (c *compiler) existingRule(s *service) (existing, bool) {
	for _, namespace := range []string{s.Namespace, c.options.RootNamespace} {
		for _, host := range append([]string{s.host}, c.mesh.rules.covering(s.host)...) {
			rules := inNamespace(c.rulesFor(host), namespace)
			if namespace != s.Namespace {
				rules = visibleTo(rules, s.Namespace)
			}
			if len(rules) == 0 {
				continue
			}
			if why := unmergeable(rules); why != "" {
				c.leave(s, diag.DestinationRuleUnmergeable, "left alone: %s", why)
				return existing{}, false
			}
			if host == s.host && namespace == s.Namespace {
				return joined(rules), true
			}
			return c.copyOf(s, rules)
		}
	}
	return existing{}, true
}

// rulesFor returns the rules whose host is exactly host, which may be a wildcard.
func (c *compiler) rulesFor(host string) []*model.DestinationRule {
	if strings.HasPrefix(host, "*") {
		return c.mesh.rules.wildcard[host]
	}
	return c.mesh.rules.exact[host]
}

func inNamespace(rules []*model.DestinationRule, namespace string) []*model.DestinationRule {
	return keep(rules, func(d *model.DestinationRule) bool { return d.Namespace == namespace })
}

func visibleTo(rules []*model.DestinationRule, namespace string) []*model.DestinationRule {
	return keep(rules, func(d *model.DestinationRule) bool {
		visible := visibleIn(d.Spec.GetExportTo(), d.Namespace)
		return visible == nil || slices.Contains(visible, namespace)
	})
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
func unmergeable(rules []*model.DestinationRule) string {
	for _, d := range rules {
		switch {
		case d.Spec.GetWorkloadSelector() != nil:
			return d.Object().String() + " has a workloadSelector, so that selected callers see no other rule"
		case !sameStrings(d.Spec.GetExportTo(), rules[0].Spec.GetExportTo()):
			return d.Object().String() + " and " + rules[0].Object().String() + " have different exportTo, so that Istio keeps them apart"
		}
	}
	return ""
}

func sameStrings(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}

// joined is the plan beside rules that ours is merged with.
func joined(rules []*model.DestinationRule) existing {
	out := existing{exportTo: rules[0].Spec.GetExportTo(), visible: visibleIn(rules[0].Spec.GetExportTo(), rules[0].Namespace)}
	for _, d := range rules {
		out.subsets = append(out.subsets, d.Spec.GetSubsets()...)
	}
	return out
}

// copyOf is the plan where ours hides rules: what they say is copied.
func (c *compiler) copyOf(s *service, rules []*model.DestinationRule) (existing, bool) {
	d := rules[0]
	switch {
	case len(rules) > 1:
		c.leave(s, diag.DestinationRuleUnmergeable, "left alone: %s and %s apply to it by a wildcard, and only one can be copied", d.Object(), rules[1].Object())
		return existing{}, false
	case len(d.Unknown) > 0:
		c.leave(s, diag.DestinationRuleUnmergeable, "left alone: %s applies to it and has fields that are not known here: %s", d.Object(), list(d.Unknown))
		return existing{}, false
	}
	out := existing{copied: d, policy: d.Spec.GetTrafficPolicy()}
	if d.Namespace == s.Namespace {
		out.exportTo = d.Spec.GetExportTo()
		out.visible = visibleIn(out.exportTo, d.Namespace)
	} else if visible := visibleIn(d.Spec.GetExportTo(), d.Namespace); visible != nil {
		out.exportTo, out.visible = visible, visible
	}
	for _, subset := range d.Spec.GetSubsets() {
		out.copiedSubsets = append(out.copiedSubsets, route.Subset{
			Name: subset.GetName(), Labels: subset.GetLabels(), Policy: subset.GetTrafficPolicy(),
		})
	}
	return out, true
}

// rulesOfCallers lists the namespaces of callers that have a rule of their own
// for the host of s, which hides those of the Service's namespace.
func (c *compiler) rulesOfCallers(s *service) []string {
	var out []string
	for _, host := range append([]string{s.host}, c.mesh.rules.covering(s.host)...) {
		for _, d := range c.rulesFor(host) {
			if d.Namespace == s.Namespace || d.Namespace == c.options.RootNamespace || slices.Contains(out, d.Namespace) {
				continue
			}
			if visible := visibleIn(d.Spec.GetExportTo(), d.Namespace); visible == nil || slices.Contains(visible, d.Namespace) {
				out = append(out, d.Namespace)
				c.say(s, diag.DestinationRuleOfCaller, "callers in namespace %s see %s instead of the subsets of the versions: overrides are not followed there, and ordinary traffic from there goes to all pods", d.Namespace, d.Object())
			}
		}
	}
	slices.Sort(out)
	return out
}
