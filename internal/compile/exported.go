package compile

import (
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// seenFrom lists the namespaces whose proxies know a Service that is a version of base; nil
// for all that know base. It reports those that don't.
func seenFrom(ix *index, s, base *model.Service, version string, r *reporter) []string {
	of := func(s *model.Service) mesh.Scope {
		return ix.mesh.Service(ix.options.FQDN(s.Name, s.Namespace)).Scope()
	}
	scope, wanted := of(s), of(base)
	if scope.Public || !wanted.Public && !slices.ContainsFunc(wanted.Namespaces, func(n string) bool { return !scope.Includes(n) }) {
		return nil
	}
	why := "it is exported to no namespace, so no route leads to it as version %s of Service %s"
	if len(scope.Namespaces) > 0 {
		why = fmt.Sprintf("it is exported to %s %s: from elsewhere, requests for version %%s of Service %%s are not routed to it", agree(scope.Namespaces, "namespace", "namespaces"), enumerate(scope.Namespaces))
	}
	r.add(diag.New(diag.IsolatedUnreachable, s.Object(), why, version, base.Name).
		WithFix("annotate it with networking.istio.io/exportTo: \"*\"").At(s.Origin))
	return append([]string{}, scope.Namespaces...)
}

// whereSeen restricts matches of requests for a version to the namespaces whose proxies know
// its Service. Proxies elsewhere would answer such requests with 503.
func (b *builder) whereSeen(v *version, matches []route.Match) []route.Match {
	if len(matches) == 0 || v.isolated == nil || v.isolated.seenFrom == nil {
		return matches
	}
	seen, scope := v.isolated.seenFrom, b.draft.scope
	if scope != nil && !slices.ContainsFunc(scope, func(n string) bool { return !slices.Contains(seen, n) }) {
		return matches
	}
	var callers []route.Match
	for _, n := range seen {
		if scope == nil || slices.Contains(scope, n) {
			callers = append(callers, route.Match{SourceNamespace: n})
		}
	}
	if len(callers) == 0 {
		return nil // which would match everything
	}
	return conjunctions(matches, callers)
}
