package compile

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// flattenQuietly is flatten without what it has to say.
func (c *compiler) flattenQuietly(v *model.VirtualService) []*istioapi.HTTPRoute {
	said := len(c.diags)
	out := c.flatten(v)
	c.diags = c.diags[:said]
	return out
}

// flatten returns copies of the HTTP routes of v with hosts resolved and each
// delegating route replaced by those of its delegate, as istiod does before it
// looks at anything else (pilot/pkg/model: mergeVirtualServicesIfNeeded).
func (c *compiler) flatten(v *model.VirtualService) []*istioapi.HTTPRoute {
	var out []*istioapi.HTTPRoute
	for _, h := range v.Spec.GetHttp() {
		root := c.resolved(h, v.Namespace)
		if h.GetDelegate() == nil {
			out = append(out, root)
			continue
		}
		delegate := c.delegateOf(v, h.GetDelegate())
		if delegate == nil {
			continue
		}
		for _, sub := range delegate.Spec.GetHttp() {
			merged := mergeDelegated(root, c.resolved(sub, delegate.Namespace))
			if merged == nil {
				c.add(diag.New(diag.DelegateRouteDropped, delegate.Object(),
					"a match of route %q conflicts with %s, so that Istio passes over the route", sub.GetName(), v.Object()).At(delegate.Origin))
				continue
			}
			out = append(out, merged)
		}
	}
	return out
}

// delegateName is the namespace and the name of what a route of v delegates to.
func delegateName(v *model.VirtualService, ref *istioapi.Delegate) [2]string {
	return [2]string{cmp.Or(ref.GetNamespace(), v.Namespace), ref.GetName()}
}

// delegateOf finds the VirtualService that a route of root delegates to: one
// without hosts, exported to the namespace of root. Another one Istio passes over.
func (c *compiler) delegateOf(root *model.VirtualService, ref *istioapi.Delegate) *model.VirtualService {
	v := c.mesh.byName[delegateName(root, ref)]
	why := ""
	switch {
	case v == nil:
		return nil
	case len(v.Spec.GetHosts()) > 0:
		why = "has hosts, so that it is no delegate"
	default:
		visible := visibleIn(v.Spec.GetExportTo(), v.Namespace)
		if visible != nil && !slices.Contains(visible, root.Namespace) {
			why = "is not exported to namespace " + root.Namespace
		}
	}
	if why == "" {
		return v
	}
	c.add(diag.New(diag.DelegateRouteDropped, root.Object(), "Istio passes over a route, since its delegate %s/%s %s", v.Namespace, v.Name, why).At(root.Origin))
	return nil
}

// resolved returns a copy of h in which hosts are fully qualified.
func (c *compiler) resolved(h *istioapi.HTTPRoute, namespace string) *istioapi.HTTPRoute {
	out := h.DeepCopy()
	resolve := func(d *istioapi.Destination) {
		if d != nil {
			d.Host = c.resolve(d.GetHost(), namespace)
		}
	}
	for _, r := range out.GetRoute() {
		resolve(r.GetDestination())
	}
	resolve(out.GetMirror())
	for _, m := range out.GetMirrors() {
		resolve(m.GetDestination())
	}
	return out
}

// mergeDelegated returns the delegate's route with what it leaves open taken
// from root; nil if their matches conflict (istio pilot/pkg/model: mergeHTTPRoute).
func mergeDelegated(root, sub *istioapi.HTTPRoute) *istioapi.HTTPRoute {
	matches, ok := mergeMatches(root.GetMatch(), sub.GetMatch())
	if !ok {
		return nil
	}
	out := sub.DeepCopy()
	out.Match = matches
	out.Name = joinNames(root.GetName(), sub.GetName())
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

func joinNames(root, sub string) string {
	if root == "" || sub == "" {
		return root + sub
	}
	return root + "-" + sub
}

// mergeMatches joins each of the delegate's matches with every one of the
// root's that it does not conflict with. It reports false if one has none.
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
	out.Name = joinNames(root.GetName(), sub.GetName())
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

// union returns both maps in one; sub's values win.
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
