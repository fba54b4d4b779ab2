package edge

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// copier copies the routes of a VirtualService for a preview host, so that a request for
// it takes the route that it would take for the ordinary host:
//
//	user's                        copy
//	----------------------------  --------------------------------------------
//	match on gateways             decided: the match is for this gateway or not
//	match on authority            decided for the ordinary host
//	route                         with rewrite.authority: the application gets the ordinary host
//	redirect to an own host       without the host: it stays in the preview
//	direct response               the same
type copier struct {
	*maker
	from *model.VirtualService
	host string
}

// route changes r, number i; it returns nil if r has no meaning for the preview host.
func (c *copier) route(i int, r *istioapi.HTTPRoute) *istioapi.HTTPRoute {
	if len(r.GetMatch()) > 0 {
		if r.Match = slices.DeleteFunc(r.GetMatch(), func(match *istioapi.HTTPMatchRequest) bool { return !c.decide(match) }); len(r.Match) == 0 {
			return nil
		}
	}
	switch {
	case r.GetRedirect() != nil:
		own := slices.ContainsFunc(append([]string{c.host}, c.from.Spec.GetHosts()...), func(h string) bool { return strings.EqualFold(h, r.Redirect.GetAuthority()) })
		if !own {
			break
		}
		if r.Redirect.Authority = ""; r.Redirect.GetUri() == "" && r.Redirect.GetScheme() == "" && r.Redirect.GetRedirectPort() == nil {
			c.report(diag.EdgePartLeftOut, c.from.Object(), "http[%d] redirects to %s with nothing but the host changed, and is not in the copy for preview hosts", i, c.host)
			return nil
		}
	case r.GetDirectResponse() != nil:
	default:
		c.checkDelegate(i, r.GetDelegate())
		if r.GetRewrite() == nil {
			r.Rewrite = &istioapi.HTTPRewrite{}
		}
		if r.Rewrite.GetAuthority() == "" {
			r.Rewrite.Authority = c.host
		}
	}
	return r
}

// checkDelegate reports a route whose VirtualService has rewrites or redirects of its own:
// Istio prefers these to those of the copy.
func (c *copier) checkDelegate(i int, d *istioapi.Delegate) {
	if d == nil {
		return
	}
	object := diag.Object{Kind: "VirtualService", Namespace: cmp.Or(d.GetNamespace(), c.from.Namespace), Name: d.GetName()}
	for j := range c.snapshot.VirtualServices {
		if v := &c.snapshot.VirtualServices[j]; v.Object() == object && !slices.ContainsFunc(v.Spec.GetHttp(), func(r *istioapi.HTTPRoute) bool {
			return r.GetRewrite() != nil || r.GetRedirect() != nil
		}) {
			return
		}
	}
	c.report(diag.EdgePartLeftOut, c.from.Object(), "http[%d] delegates to %s, whose own rewrites and redirects are not changed for preview hosts", i, object)
}

// decide decides what a match says about gateways and the authority, removes it, and
// reports whether requests for the ordinary host at this gateway can match the rest.
func (c *copier) decide(match *istioapi.HTTPMatchRequest) bool {
	if on := match.GetGateways(); len(on) > 0 && !c.isNamed(on, c.from.Namespace) {
		return false
	}
	matches := matchesHost(match.GetAuthority(), c.host)
	match.Gateways, match.Authority = nil, nil
	return matches
}

func matchesHost(m *istioapi.StringMatch, host string) bool {
	switch {
	case m.GetMatchType() == nil:
		return true
	case m.GetExact() != "":
		return m.GetExact() == host
	case m.GetPrefix() != "":
		return strings.HasPrefix(host, m.GetPrefix())
	}
	pattern, err := regexp.Compile(`^(?:` + m.GetRegex() + `)$`)
	return err == nil && pattern.MatchString(host)
}
