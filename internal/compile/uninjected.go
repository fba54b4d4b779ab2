package compile

import (
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// reportUninjected reports namespaces whose pods get no sidecars: their requests to a
// Service follow no overrides. These are its own namespace and those that settings name as
// callers', and for output that is applied by hand all others of the input.
func reportUninjected(ix *index, s *service, r *reporter) {
	if len(ix.uninjected()) == 0 || !s.active() {
		return
	}
	named := slices.Concat(s.settings.CallerNamespaces, ix.options.CallerNamespaces, []string{s.Namespace})
	var found []string
	for _, namespace := range slices.Sorted(maps.Keys(ix.uninjected())) {
		calls := slices.Contains(named, namespace) || ix.options.Static && namespace != ix.options.RootNamespace
		if calls && slices.ContainsFunc(ix.callersIn(namespace), func(c model.Caller) bool { return c.NoSidecar }) {
			found = append(found, namespace+" ("+ix.uninjected()[namespace]+")")
		}
	}
	if len(found) > 0 {
		r.report(s.Service, diag.NamespaceWithoutSidecars, "pods of %s %s get no sidecars: requests from there follow no overrides", agree(found, "namespace", "namespaces"), enumerate(found))
	}
}
