package mesh

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Rule is a DestinationRule as proxies see it.
type Rule struct {
	Object    diag.Object
	Namespace string
	Created   time.Time
	Revision  string
	// Host is resolved; it may be a wildcard.
	Host string
	// ExportTo is the field of the object, as Istio compares it when it merges rules.
	ExportTo []string
	// Selector are the labels of the callers that it applies to; nil for all.
	Selector map[string]string
	Policy   *istioapi.TrafficPolicy
	Subsets  []route.Subset
	// User is the user's rule, Ours that of Overrides; one of them is nil.
	User *model.DestinationRule
	Ours *route.SubsetRule
}

func (m *Mesh) indexRules() {
	for i := range m.snapshot.DestinationRules {
		d := &m.snapshot.DestinationRules[i]
		r := &Rule{
			Object: d.Object(), Namespace: d.Namespace, Created: d.Created, Revision: d.Revision, User: d,
			Host: m.Resolve(d.Spec.GetHost(), d.Namespace), Policy: d.Spec.GetTrafficPolicy(),
		}
		r.ExportTo = d.Spec.GetExportTo()
		if s := d.Spec.GetWorkloadSelector(); s != nil {
			// A rule with a selector is private, whatever its exportTo.
			r.Selector, r.ExportTo = notNil(s.GetMatchLabels()), []string{private}
		}
		for _, s := range d.Spec.GetSubsets() {
			r.Subsets = append(r.Subsets, route.Subset{Name: s.GetName(), Labels: s.GetLabels(), Policy: s.GetTrafficPolicy()})
		}
		m.rules.add(r)
	}
}

// notNil returns labels, or an empty map instead of nil.
func notNil(labels map[string]string) map[string]string {
	if labels == nil {
		return map[string]string{}
	}
	return labels
}

func (m *Mesh) ourRule(r *route.SubsetRule) *Rule {
	return &Rule{
		Object:    istio.RuleObject(r),
		Namespace: r.Namespace, Revision: r.Revision, Host: r.Host, ExportTo: r.ExportTo, Policy: r.Policy, Subsets: r.Subsets, Ours: r,
	}
}

// ruleIndex finds rules by host.
type ruleIndex struct {
	exact map[string][]*Rule
	// wildcard has a key for each wildcard.
	wildcard map[string][]*Rule
}

func (x *ruleIndex) add(r *Rule) {
	if x.exact == nil {
		x.exact, x.wildcard = map[string][]*Rule{}, map[string][]*Rule{}
	}
	if isWildcard(r.Host) {
		x.wildcard[r.Host] = append(x.wildcard[r.Host], r)
		return
	}
	x.exact[r.Host] = append(x.exact[r.Host], r)
}

// covering lists the rules that may apply to a host, of all namespaces.
func (x *ruleIndex) covering(host string) []*Rule {
	out := x.exact[host]
	for pattern := range x.wildcard {
		if covers(pattern, host) {
			out = slices.Concat(out, x.wildcard[pattern])
		}
	}
	return out
}

func isWildcard(host string) bool { return strings.HasPrefix(host, "*") }

// covers reports whether a wildcard covers a host, or another wildcard.
func covers(wildcard, host string) bool {
	return strings.HasSuffix(strings.TrimPrefix(host, "*"), wildcard[1:])
}

// Merged is one entry of istiod's merged rules of a host in a namespace.
type Merged struct {
	// From are the merged rules. The exportTo is that of the first.
	From     []*Rule
	Selector map[string]string
	Policy   *istioapi.TrafficPolicy
	Subsets  []route.Subset
	exportTo []string
}

// Subset returns the subset with a name.
func (r *Merged) Subset(name string) (route.Subset, bool) {
	if r == nil {
		return route.Subset{}, false
	}
	for _, s := range r.Subsets {
		if s.Name == name {
			return s, true
		}
	}
	return route.Subset{}, false
}

// Objects names the merged rules.
func (r *Merged) Objects() []diag.Object {
	if r == nil {
		return nil
	}
	out := make([]diag.Object, 0, len(r.From))
	for _, f := range r.From {
		out = append(out, f.Object)
	}
	return out
}

// merge returns istiod's merged rules of one host and namespace, from rules in its order
// (pilot/pkg/model: mergeDestinationRule, with enhanced merging, which is the default).
func merge(rules []*Rule) []*Merged {
	var out []*Merged
	for _, r := range rules {
		separate := true
		for _, have := range out {
			switch {
			case equalSets(r.ExportTo, have.exportTo):
				separate = false
			case len(have.exportTo) > 0 && superset(r.ExportTo, have.exportTo):
				separate = true
			default:
				separate = true
				continue
			}
			neither := r.Selector == nil && have.Selector == nil
			both := r.Selector != nil && have.Selector != nil
			if both && !maps.Equal(r.Selector, have.Selector) {
				separate = true
				continue
			}
			if neither || both {
				separate = false
			}
			have.take(r)
		}
		if separate {
			out = append(out, &Merged{From: []*Rule{r}, Selector: r.Selector, Policy: r.Policy, Subsets: slices.Clip(r.Subsets), exportTo: r.ExportTo})
		}
	}
	return out
}

// take adds the missing parts of r to a merged rule: of two subsets with one name the
// first counts, and so does the first policy.
func (r *Merged) take(more *Rule) {
	r.From = append(r.From, more)
	for _, s := range more.Subsets {
		if _, found := r.Subset(s.Name); !found {
			r.Subsets = append(r.Subsets, s)
		}
	}
	if r.Policy == nil {
		r.Policy = more.Policy
	}
}

func equalSets(a, b []string) bool { return superset(a, b) && superset(b, a) }

func superset(a, b []string) bool {
	return !slices.ContainsFunc(b, func(x string) bool { return !slices.Contains(a, x) })
}

// pool is one of istiod's indexes of rules in a namespace
// (pilot/pkg/model: setDestinationRules).
type pool int

const (
	// local is the pool that proxies of the namespace use first.
	local pool = iota
	// exported is the pool that others may see.
	exported
	// rootLocal are the private rules of the root namespace.
	rootLocal
)

func (m *Mesh) inPool(r *Rule, p pool) bool {
	privateOnly := (len(r.ExportTo) == 0 && slices.Contains(m.snapshot.Mesh.DestinationRuleExportTo, private)) ||
		(len(r.ExportTo) > 0 && !slices.ContainsFunc(r.ExportTo, func(n string) bool { return n != private && n != r.Namespace }) && oneOf(r.ExportTo))
	switch p {
	case local:
		return len(r.ExportTo) == 0 || slices.ContainsFunc(r.ExportTo, func(n string) bool {
			return n == public || n == private || n == r.Namespace
		})
	case exported:
		return !privateOnly
	case rootLocal:
	}
	return privateOnly
}

// oneOf reports whether a list contains only one value.
func oneOf(list []string) bool { return len(slices.Compact(slices.Sorted(slices.Values(list)))) == 1 }

// mostSpecific returns the merged rules for a host in a namespace's pool: those for
// the host itself, else those of the longest wildcard (pilot/pkg/model:
// MostSpecificHostMatch).
func (x *Island) mostSpecific(host, namespace string, p pool, class *Class) []*Merged {
	var best []*Rule
	for _, r := range x.rulesOf(host) {
		if r.Namespace != namespace || !class.reads(r.Revision) || !x.mesh.inPool(r, p) {
			continue
		}
		switch {
		case len(best) == 0 || (best[0].Host != host && (r.Host == host || len(r.Host) > len(best[0].Host))):
			best = []*Rule{r}
		case r.Host == best[0].Host:
			best = append(best, r)
		}
	}
	return merge(best)
}

// rulesOf lists the rules that may apply to host, in istiod's order: those with a
// selector first, then by age, name and namespace (pilot/pkg/model:
// sortConfigBySelectorAndCreationTime).
func (x *Island) rulesOf(host string) []*Rule {
	if found, ok := x.sorted[host]; ok {
		return found
	}
	list := slices.Clone(x.mesh.rules.covering(host))
	if x.ours != nil {
		list = append(list, x.ours.rules[host]...)
	}
	if x.sorted == nil {
		x.sorted = map[string][]*Rule{}
	}
	slices.SortStableFunc(list, func(a, b *Rule) int {
		if (a.Selector == nil) != (b.Selector == nil) {
			if a.Selector != nil {
				return -1
			}
			return 1
		}
		return x.order.compare(age{a.Created, a.Object, a.Ours != nil}, age{b.Created, b.Object, b.Ours != nil})
	})
	x.sorted[host] = list
	return list
}

// Rule returns the DestinationRule that is in force for a host of a Service in a
// namespace, for callers of a class; nil if there is none (pilot/pkg/model:
// PushContext.destinationRule, SidecarScope.DestinationRule).
func (x *Island) Rule(class *Class, host string) *Merged {
	key := ruleKey{class, host}
	if r, ok := x.inForce[key]; ok {
		return r
	}
	r := x.rule(class, host)
	if x.inForce == nil {
		x.inForce = map[ruleKey]*Merged{}
	}
	x.inForce[key] = r
	return r
}

type ruleKey struct {
	class *Class
	host  string
}

func (x *Island) rule(class *Class, host string) *Merged {
	if len(x.rulesOf(host)) == 0 {
		return nil
	}
	root := x.mesh.snapshot.Options.RootNamespace
	first := local
	if class.Namespace == root {
		first = rootLocal
	}
	list := x.mostSpecific(host, class.Namespace, first, class)
	if len(list) == 0 {
		if s := x.mesh.services[host]; s != nil {
			list = x.exportedRules(host, s.Namespace, class)
		}
	}
	if len(list) == 0 {
		list = x.exportedRules(host, root, class)
	}
	// Rules with a selector are private: they are in the namespace of the callers.
	var last *Merged
	for _, r := range list {
		switch {
		case r.Selector == nil:
			last = r
		case model.HasLabels(class.Labels, r.Selector):
			return r
		}
	}
	return last
}

// exportedRules are the rules of a namespace that callers of another one see.
func (x *Island) exportedRules(host, namespace string, class *Class) []*Merged {
	return slices.DeleteFunc(x.mostSpecific(host, namespace, exported, class), func(r *Merged) bool {
		return len(r.exportTo) > 0 && !slices.Contains(r.exportTo, public) && !slices.Contains(r.exportTo, class.Namespace)
	})
}

// UserRules lists the user's rules that may apply to a host, of all namespaces: those for
// the most specific host first, and for one host by age, name and namespace.
func (m *Mesh) UserRules(host string) []*Rule {
	out := slices.Clone(m.rules.covering(host))
	slices.SortFunc(out, func(a, b *Rule) int {
		return cmp.Or(cmp.Compare(len(b.Host), len(a.Host)), cmp.Compare(a.Host, b.Host), a.Created.Compare(b.Created),
			cmp.Compare(a.Object.Name, b.Object.Name), cmp.Compare(a.Namespace, b.Namespace))
	})
	// The host itself is the most specific, even if a wildcard is as long.
	slices.SortStableFunc(out, func(a, b *Rule) int {
		switch {
		case (a.Host == host) == (b.Host == host):
			return 0
		case a.Host == host:
			return -1
		}
		return 1
	})
	return out
}

// RuleScope says which namespaces see r, except those with rules of their own.
func (m *Mesh) RuleScope(r *Rule) Scope {
	return scopeOf(r.ExportTo, m.snapshot.Mesh.DestinationRuleExportTo, r.Namespace)
}
