package compile

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/istio"
)

// tableScope lists the namespaces whose proxies are to see the table of d, nil
// for all; it reports false if nobody is left to see it. A table that stands
// beside one of the user's is scoped always, since proxies prefer it only then.
// Namespaces in which something else is in force, or that don't see the subsets of a
// target, keep what they have.
func (c *compiler) tableScope(d *draft) ([]string, bool) {
	hidden := slices.Clone(d.excluded)
	for n := range c.refused.namespaces(istio.TableObject(&d.table)) {
		hidden = append(hidden, n)
	}
	var visible [][]string
	for _, t := range d.targets {
		hidden = append(hidden, t.rule.hiddenIn...)
		if t.rule.visible != nil {
			visible = append(visible, t.rule.visible)
		}
	}
	if len(hidden) == 0 && len(visible) == 0 && d.adopted == nil && !d.scoped {
		return nil, true
	}
	within := make(map[string]bool, len(d.within))
	for _, n := range d.within {
		within[n] = true
	}
	scope := keep(c.callerNamespaces(d), func(n string) bool {
		return !slices.Contains(hidden, n) && (d.within == nil || within[n]) &&
			!slices.ContainsFunc(visible, func(v []string) bool { return !slices.Contains(v, n) })
	})
	return scope, len(scope) > 0
}

// callerNamespaces lists the namespaces from which the host of d may be called.
func (c *compiler) callerNamespaces(d *draft) []string {
	out := slices.Clone(d.settings.CallerNamespaces)
	if out == nil {
		out = slices.Clone(c.options.CallerNamespaces)
	}
	if out == nil {
		out = slices.Clone(c.snapshot.Namespaces)
		for _, t := range d.seen {
			out = append(out, t.Namespace)
		}
		if !slices.Contains(out, c.options.RootNamespace) && d.within != nil {
			out = append(out, c.options.RootNamespace)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
