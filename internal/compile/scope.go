package compile

import "slices"

// tableScope lists the namespaces whose proxies are to see the table of d, nil
// for all; it reports false if nobody is left to see it. A table that stands
// beside one of the user's is scoped always, since proxies prefer it only then.
// Namespaces that have a VirtualService of their own for the host, or don't see
// the subsets of a target, keep what they have.
func (c *compiler) tableScope(d *draft) ([]string, bool) {
	hidden := d.excluded
	var visible [][]string
	for _, t := range d.targets {
		hidden = slices.Concat(hidden, t.rule.hiddenIn)
		if t.rule.visible != nil {
			visible = append(visible, t.rule.visible)
		}
	}
	var scope []string
	switch {
	case len(hidden) > 0 || d.adopted != nil:
		scope = c.callerNamespaces(d)
	case len(visible) > 0:
		scope = visible[0]
	default:
		return nil, true
	}
	scope = keep(scope, func(n string) bool {
		return !slices.Contains(hidden, n) &&
			!slices.ContainsFunc(visible, func(v []string) bool { return !slices.Contains(v, n) })
	})
	return scope, len(scope) > 0
}

// callerNamespaces lists the namespaces from which the host of d may be called.
func (c *compiler) callerNamespaces(d *draft) []string {
	out := d.settings.CallerNamespaces
	if out == nil {
		out = c.options.CallerNamespaces
	}
	if out == nil {
		out = slices.Clone(c.snapshot.Namespaces)
		for _, t := range d.targets {
			out = append(out, t.Namespace)
		}
	}
	out = slices.Sorted(slices.Values(out))
	return slices.Compact(out)
}
