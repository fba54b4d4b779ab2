package compile

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// tableScope lists the namespaces that see the table of d, nil for all; it reports false if
// nobody is left to see it. A table beside one of the user's always names namespaces, since
// proxies prefer it only then. A namespace in which other routes are in force, or that does
// not see the subsets of a target, keeps what it has.
func tableScope(ix *index, d *draft) ([]string, bool) {
	hidden := slices.Clone(d.excluded)
	for n := range ix.rejected.namespaces(istio.TableObject(&d.table)) {
		hidden = append(hidden, n)
	}
	limited := len(hidden) > 0 || d.adopted != nil || d.scoped
	for _, t := range d.targets {
		limited = limited || len(t.subsets.hiddenIn) > 0 || t.subsets.visible != nil
	}
	if !limited {
		return nil, true
	}
	within := make(map[string]bool, len(d.within))
	for _, n := range d.within {
		within[n] = true
	}
	callers := ix.callerNamespaces(&d.settings, d.seen, d.within != nil)
	if d.gateway && ix.options.CallerNamespaces == nil {
		callers = d.within
	}
	scope := filter(callers, func(n string) bool {
		return !slices.Contains(hidden, n) && (d.within == nil || within[n]) &&
			!slices.ContainsFunc(d.targets, func(t *service) bool { return !t.subsets.seenFrom(n) })
	})
	return scope, len(scope) > 0
}

// callerNamespaces lists the namespaces from which Services may be called: those that the
// settings or the options say, else all; the root namespace is one of them for a table that
// is limited to some namespaces.
func (ix *index) callerNamespaces(settings *model.Settings, called []*service, limited bool) []string {
	out := slices.Clone(settings.CallerNamespaces)
	if out == nil {
		out = slices.Clone(ix.options.CallerNamespaces)
	}
	if out == nil {
		out = slices.Clone(ix.namespaces())
		for _, t := range called {
			out = append(out, t.Namespace)
		}
		if !slices.Contains(out, ix.options.RootNamespace) && limited {
			out = append(out, ix.options.RootNamespace)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
