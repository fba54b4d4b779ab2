package mesh

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Dropped is a route with a delegate that Istio ignores, and the reason.
type Dropped struct {
	// Root is the VirtualService that delegates.
	Root *model.VirtualService
	// Delegate names the other one; Found is nil if that does not exist.
	Delegate [2]string
	Found    *model.VirtualService
	// Route is the name of the delegate's route whose match conflicts with the root's;
	// Conflict is set for these.
	Route    string
	Conflict bool
	// Why is the reason as text, as in "is not exported to namespace shop".
	Why string
}

// flatten returns copies of the HTTP routes of v with hosts resolved and each delegating
// route replaced by those of its delegate. Istiod does this before everything else
// (pilot/pkg/model: mergeVirtualServices).
func (m *Mesh) flatten(v *model.VirtualService) ([]*istioapi.HTTPRoute, []Dropped) {
	flat, _, dropped := m.flattenFrom(v)
	return flat, dropped
}

// Delegated is a route of a VirtualService that delegates to another one.
type Delegated struct {
	// Root is the route, To its delegate.
	Root *istioapi.HTTPRoute
	To   *model.VirtualService
	// Matches are the root's matches for sidecars; none means any request.
	Matches []route.Match
}

// flattenFrom is [Mesh.flatten] that also returns what each route is delegated by; nil
// for a root's own.
func (m *Mesh) flattenFrom(v *model.VirtualService) ([]*istioapi.HTTPRoute, []*Delegated, []Dropped) {
	var out []*istioapi.HTTPRoute
	var from []*Delegated
	var dropped []Dropped
	for _, h := range v.Spec.GetHttp() {
		root := m.resolved(h, v.Namespace)
		if h.GetDelegate() == nil {
			out, from = append(out, root), append(from, nil)
			continue
		}
		name := DelegateName(v, h.GetDelegate())
		delegate := m.byName[name]
		if why := m.refusesDelegate(v, delegate); why != "" {
			dropped = append(dropped, Dropped{Root: v, Delegate: name, Found: delegate, Why: why})
			continue
		}
		by := &Delegated{Root: root, To: delegate}
		by.Matches, _, _ = readMatches(root.GetMatch()) // errors in them are reported for the merged ones
		for _, sub := range delegate.Spec.GetHttp() {
			merged := mergeDelegated(root, m.resolved(sub, delegate.Namespace))
			if merged == nil {
				dropped = append(dropped, Dropped{Root: v, Delegate: name, Found: delegate, Route: sub.GetName(), Conflict: true})
				continue
			}
			out, from = append(out, merged), append(from, by)
		}
	}
	return out, from, dropped
}

// DelegateName returns the namespace and the name of the delegate of a route of v.
func DelegateName(v *model.VirtualService, ref *istioapi.Delegate) [2]string {
	return [2]string{cmp.Or(ref.GetNamespace(), v.Namespace), ref.GetName()}
}

// Delegate returns the VirtualService with a namespace and a name.
func (m *Mesh) Delegate(name [2]string) *model.VirtualService { return m.byName[name] }

// Delegates reports whether a VirtualService in namespace, with a revision, can delegate
// to v.
func (m *Mesh) Delegates(namespace, revision string, v *model.VirtualService) bool {
	return (v.Revision == "" || v.Revision == revision) && m.refusesDelegate(&model.VirtualService{Namespace: namespace}, v) == ""
}

// refusesDelegate says why Istio ignores a route of root that delegates to v. A delegate
// must have no hosts, and must be exported to the namespace of root. If it has another
// revision, the istiod that reads root does not know it.
func (m *Mesh) refusesDelegate(root, v *model.VirtualService) string {
	switch {
	case v == nil:
		return "does not exist"
	case len(v.Spec.GetHosts()) > 0:
		return "has hosts, so it can't be a delegate"
	case !scopeOf(v.Spec.GetExportTo(), m.snapshot.Mesh.VirtualServiceExportTo, v.Namespace).Includes(root.Namespace):
		return "is not exported to namespace " + root.Namespace
	}
	return ""
}

// resolved returns a copy of h in which the names of hosts and gateways are complete.
func (m *Mesh) resolved(h *istioapi.HTTPRoute, namespace string) *istioapi.HTTPRoute {
	out := h.DeepCopy()
	resolve := func(d *istioapi.Destination) {
		if d != nil {
			d.Host = m.Resolve(d.GetHost(), namespace)
		}
	}
	for _, r := range out.GetRoute() {
		resolve(r.GetDestination())
	}
	resolve(out.GetMirror())
	for _, mirror := range out.GetMirrors() {
		resolve(mirror.GetDestination())
	}
	for _, match := range out.GetMatch() {
		for i, name := range match.GetGateways() {
			match.Gateways[i] = GatewayName(name, namespace)
		}
	}
	return out
}

// mergeDelegated returns the delegate's route, with its unset fields taken from root; nil
// if their matches conflict (istio pilot/pkg/model: mergeHTTPRoute).
func mergeDelegated(root, sub *istioapi.HTTPRoute) *istioapi.HTTPRoute {
	matches, ok := mergeMatches(root.GetMatch(), sub.GetMatch())
	if !ok {
		return nil
	}
	out := sub.DeepCopy()
	out.Match = matches
	out.Name = JoinNames(root.GetName(), sub.GetName())
	fill(&out.Rewrite, root.Rewrite)
	fill(&out.DirectResponse, root.DirectResponse)
	fill(&out.Timeout, root.Timeout)
	fill(&out.Retries, root.Retries)
	fill(&out.Fault, root.Fault)
	fill(&out.Mirror, root.Mirror)
	fill(&out.MirrorPercent, root.MirrorPercent) //nolint:staticcheck // deprecated, and still followed by Istio
	fill(&out.MirrorPercentage, root.MirrorPercentage)
	fill(&out.CorsPolicy, root.CorsPolicy)
	fill(&out.Headers, root.Headers)
	if out.Mirrors == nil {
		out.Mirrors = root.Mirrors
	}
	return out
}

func fill[T any](dst **T, from *T) {
	if *dst == nil {
		*dst = from
	}
}

// JoinNames returns the name of a delegated route, or match (pilot/pkg/model:
// mergeHTTPRoute).
func JoinNames(root, sub string) string {
	if root == "" || sub == "" {
		return root + sub
	}
	return root + "-" + sub
}

// mergeMatches joins each of the delegate's matches with every match of the root that it
// does not conflict with. It returns false if one has none.
func mergeMatches(root, sub []*istioapi.HTTPMatchRequest) ([]*istioapi.HTTPMatchRequest, bool) {
	if len(root) == 0 {
		return sub, true
	}
	if len(sub) == 0 {
		return root, true
	}
	var out []*istioapi.HTTPMatchRequest
	for _, s := range sub {
		before := len(out)
		for _, r := range root {
			if !conflict(r, s) {
				out = append(out, mergeMatch(r, s))
			}
		}
		if len(out) == before {
			return nil, false
		}
	}
	return out, true
}

func mergeMatch(root, sub *istioapi.HTTPMatchRequest) *istioapi.HTTPMatchRequest {
	out := sub.DeepCopy()
	out.Name = JoinNames(root.GetName(), sub.GetName())
	fill(&out.Uri, root.Uri)
	fill(&out.Scheme, root.Scheme)
	fill(&out.Method, root.Method)
	fill(&out.Authority, root.Authority)
	out.Headers = union(root.Headers, sub.Headers)
	out.WithoutHeaders = union(root.WithoutHeaders, sub.WithoutHeaders)
	out.QueryParams = union(root.QueryParams, sub.QueryParams)
	out.SourceLabels = union(root.SourceLabels, sub.SourceLabels)
	if out.Port == 0 {
		out.Port = root.Port
	}
	if out.SourceNamespace == "" {
		out.SourceNamespace = root.SourceNamespace
	}
	if len(out.Gateways) == 0 {
		out.Gateways = root.Gateways
	}
	if out.StatPrefix == "" {
		out.StatPrefix = root.StatPrefix
	}
	return out
}

// union returns the union of both maps; sub takes precedence.
func union[V any](root, sub map[string]V) map[string]V {
	if len(root) == 0 {
		return sub
	}
	out := maps.Clone(root)
	maps.Copy(out, sub)
	return out
}

// conflict reports whether sub is not a subset of root (istio: hasConflict).
func conflict(root, sub *istioapi.HTTPMatchRequest) bool {
	gateways := len(root.Gateways) > 0 && len(sub.Gateways) > 0 &&
		(len(root.Gateways) < len(sub.Gateways) ||
			slices.ContainsFunc(sub.Gateways, func(g string) bool { return !slices.Contains(root.Gateways, g) }))
	return stringConflict(root.Uri, sub.Uri) ||
		stringConflict(root.Scheme, sub.Scheme) ||
		stringConflict(root.Method, sub.Method) ||
		stringConflict(root.Authority, sub.Authority) ||
		mapConflict(root.Headers, sub.Headers) ||
		mapConflict(root.WithoutHeaders, sub.WithoutHeaders) ||
		mapConflict(root.QueryParams, sub.QueryParams) ||
		root.IgnoreUriCase != sub.IgnoreUriCase ||
		(root.Port > 0 && sub.Port > 0 && root.Port != sub.Port) ||
		(root.SourceNamespace != "" && sub.SourceNamespace != root.SourceNamespace) ||
		labelConflict(root.SourceLabels, sub.SourceLabels) ||
		gateways
}

func labelConflict(root, sub map[string]string) bool {
	for key, value := range sub {
		if mine, ok := root[key]; ok && mine != value {
			return true
		}
	}
	return false
}

func mapConflict(root, sub map[string]*istioapi.StringMatch) bool {
	for key, value := range sub {
		if stringConflict(root[key], value) {
			return true
		}
	}
	return false
}

// stringConflict follows istio's stringMatchConflict, in its order of cases.
func stringConflict(root, sub *istioapi.StringMatch) bool {
	if root == nil || sub == nil {
		return false
	}
	valued := func(m *istioapi.StringMatch) bool {
		return m.GetRegex() != "" || m.GetPrefix() != "" || m.GetExact() != ""
	}
	switch {
	case root.GetRegex() != "" && valued(sub), sub.GetRegex() != "" && valued(root):
		return true
	case root.GetExact() != "":
		return sub.GetPrefix() != "" || sub.GetExact() != root.GetExact()
	case root.GetPrefix() != "" && sub.GetPrefix() != "":
		return !strings.HasPrefix(sub.GetPrefix(), root.GetPrefix())
	case root.GetPrefix() != "" && sub.GetExact() != "":
		return !strings.HasPrefix(sub.GetExact(), root.GetPrefix())
	}
	return true
}

// delegatedRoutes returns Istio's result of a delegation in a table of Overrides,
// whatever the rows of the table are.
func (m *Mesh) delegatedRoutes(t *route.Table, d *route.Delegation, index int) ([]Route, []Dropped) {
	root := &model.VirtualService{Namespace: t.Namespace, Name: t.Name, Revision: t.Revision}
	root.Spec = &istioapi.VirtualService{Http: []*istioapi.HTTPRoute{istio.Delegating(d)}}
	routes, dropped, err := m.readRoutes(root)
	if err != nil {
		return nil, dropped // nothing delegates to an unknown delegate
	}
	for i := range routes {
		routes[i].Index += index
		routes[i].NeedsOverride = NeedsOverride(routes[i].Match, m.snapshot.Options.Header)
	}
	return routes, dropped
}
