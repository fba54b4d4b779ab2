package compile

import (
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Overrides of a Service whose access is in mode Token are followed by proxies that take overrides
// from tokens alone, and accept no token that the Service's policy does not accept:
//
//	caller                                        its rows
//	--------------------------------------------  ----------------------------------------------
//	a pod in a namespace of [model.TokenNamespace]  with the namespace as a condition (sourceNamespace)
//	a gateway with header: Token                  without one
//	any other                                     none: its overrides lead to what is released
//
// Any other is a pod of another namespace, a waypoint, and a sidecar in the root namespace.
//
// There is no row before the proxies have their filter: until then a bare header would be
// followed.

// access says which callers follow overrides of a Service; nil if all do.
type access struct {
	*model.Access

	// from matches calls from each of these namespaces.
	from []route.Match
}

// resolveAccess decides for each Service which callers follow its overrides.
func resolveAccess(ix *index, all *services, r *reporter) {
	for _, s := range all.list {
		if s.settings.Access == nil {
			continue
		}
		s.access = &access{Access: s.settings.Access}
		for i := range ix.tokenNamespaces() {
			n := &ix.tokenNamespaces()[i]
			if ix.followsTokens(n) && s.access.Admits(n.Access.Rule) {
				s.access.from = append(s.access.from, route.Match{SourceNamespace: n.Namespace})
			}
		}
		if s.access.Rule != nil {
			reportAccess(ix, s, r)
		}
	}
}

// followsTokens reports whether the proxies that choose versions for calls from a namespace take
// overrides from tokens alone. A waypoint has the namespace of its callers as a condition sees it,
// and no filter.
func (ix *index) followsTokens(n *model.TokenNamespace) bool {
	return n.Waypoint.Name == "" && ix.hasFilter(model.NamespaceObject(n.Namespace))
}

// reportAccess reports what keeps calls from the namespace of a Service from following its overrides,
// and pods there that have no filter.
func reportAccess(ix *index, s *service, r *reporter) {
	if s.Namespace == ix.options.RootNamespace {
		r.report(s.Service, diag.AccessNoFilter, "namespace %s is Istio's root namespace, where a filter would be for the whole mesh: there is none, and calls from there follow no override of it", s.Namespace)
		return
	}
	n := ix.tokenNamespaceOf(s.Namespace)
	if n == nil {
		return
	}
	switch {
	case !s.access.Admits(n.Access.Rule):
		r.report(s.Service, diag.AccessConflict, "%s, which is older, says which tokens the sidecars of namespace %s accept, and these are not those of its own policy: calls from the namespace follow no override of it", n.Policy, n.Namespace)
	case n.Waypoint.Name != "":
		r.report(s.Service, diag.AccessNoFilter, "%s is a waypoint, which can't take overrides from tokens and would follow any header: calls from the namespace follow no override of it", n.Waypoint)
	case !ix.hasFilter(model.NamespaceObject(n.Namespace)):
		r.report(s.Service, diag.AccessFilterAwaited, "the sidecars of namespace %s don't have the filter that checks tokens yet, so no override of it is followed there", n.Namespace)
	}
	if host, sidecar := ix.hiddenKeys(n); sidecar != nil {
		r.report(s.Service, diag.AccessKeysHidden, "%s hides %s, which serves the keys of tokens, from sidecars of namespace %s: they accept no token of these keys", sidecar.Object(), host, n.Namespace)
	}
	if bare := ix.withoutSidecar(s.Namespace); len(bare) > 0 {
		r.report(s.Service, diag.AccessUnguarded, "pods of %s in namespace %s have no sidecar: their calls follow no override, and nothing removes headers from the requests that they receive", enumerate(bare), s.Namespace)
	}
}

// hiddenKeys returns the host of a Service with keys that the filter of a namespace needs, and a
// Sidecar that hides it there; nil for none.
func (ix *index) hiddenKeys(n *model.TokenNamespace) (string, *model.Sidecar) {
	if n.Access.Rule == nil {
		return "", nil
	}
	for _, t := range []*model.AcceptedTokens{&n.Access.Rule.Tokens, n.Access.Rule.Users} {
		if t == nil || t.Keys != "" {
			continue
		}
		host := ix.options.FQDN(t.KeysFrom.Name, t.KeysFrom.Namespace)
		if s := ix.mesh.SidecarHiding(n.Namespace, host, t.KeysFrom.Namespace); s != nil {
			return host, s
		}
	}
	return "", nil
}

// entry is a gateway that has a table.
type entry struct {
	gateway diag.Object
	// rule says which tokens it makes overrides of; nil if it has others, too. policy says so.
	rule   *model.TokenRule
	policy diag.Object
}

// outside returns the first of some gateways that must not follow overrides of a Service; nil for
// none.
func (a *access) outside(ix *index, entries []entry) *entry {
	at := slices.IndexFunc(entries, func(e entry) bool { return !a.Admits(e.rule) || !ix.hasFilter(e.policy) })
	if at < 0 {
		return nil
	}
	return &entries[at]
}

// admitted returns the carriers of requests whose overrides of t are followed.
func (b *builder) admitted(t *service, carriers []route.Match) []route.Match {
	if t.access == nil {
		return carriers
	}
	// Proxies with the filter remove overrides in baggage.
	inHeader := filter(carriers, func(m route.Match) bool {
		_, is := m.Headers.Get(b.ix.options.Header)
		return is
	})
	switch {
	case b.draft.gateway && t.access.outside(b.ix, b.draft.entries) == nil:
		return inHeader
	case b.draft.gateway || len(t.access.from) == 0:
		return nil
	}
	return conjunctions(t.access.from, inHeader)
}

// reportEntries reports a Service that a user's object leads to from gateways, if one of these
// must not follow its overrides.
func reportEntries(ix *index, t *service, entries []entry, user diag.Object, r *reporter) {
	if t.access == nil || t.access.Rule == nil {
		return
	}
	switch e := t.access.outside(ix, entries); {
	case e == nil:
	case e.rule == nil:
		r.report(t.Service, diag.AccessNotAtGateway, "%s leads to it from %s, which does not take overrides from tokens alone: they are not followed there", user, e.gateway)
	case !t.access.Admits(e.rule):
		r.report(t.Service, diag.AccessNotAtGateway, "%s leads to it from %s, for which %s accepts tokens that its own policy does not accept: overrides are not followed there", user, e.gateway, e.policy)
	default:
		r.report(t.Service, diag.AccessFilterAwaited, "the pods of %s don't have the filter that checks tokens yet, so no override of it is followed there", e.gateway)
	}
}

// withoutAccessGrants adds the rows for calls inside the mesh with the token of a grant that is not
// live, to Services whose access is in mode Token. Only grants for these Services are listed, so
// requests keep their token: it may be for others.
func (b *builder) withoutAccessGrants() {
	if b.draft.gateway || b.draft.pinOnly {
		return
	}
	var from []route.Match
	var grants []model.OverrideGrant
	for _, t := range b.draft.targets {
		if t.access == nil {
			continue
		}
		for _, m := range t.access.from {
			if !slices.ContainsFunc(from, func(have route.Match) bool { return have.SourceNamespace == m.SourceNamespace }) {
				from = append(from, m)
			}
		}
	}
	if len(from) == 0 {
		return
	}
	for _, g := range b.ix.liveGrants() {
		if slices.ContainsFunc(g.Members, func(m grammar.Member) bool {
			return slices.ContainsFunc(b.draft.targets, func(t *service) bool { return isFor(m, t) })
		}) {
			grants = append(grants, g)
		}
	}
	b.withoutGrants(from, grants, nil)
}

// isFor reports whether a member asks for a version of a Service whose access is in mode Token.
func isFor(m grammar.Member, t *service) bool {
	return t.access != nil && (m.IsSet() || m.Service == t.Name) && (m.Namespace == "" || m.Namespace == t.Namespace)
}
