package compile

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/proto"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// userRoute is one HTTP route as the user wrote it, or the one that a Service
// has by itself.
type userRoute struct {
	// index is its place in the user's VirtualService.
	index   int
	name    string
	matches []route.Match
	// base is a copy of the user's, with hosts resolved; nil for a Service's own.
	base         *istioapi.HTTPRoute
	destinations []route.Destination
	// delegated is the user's route that delegates to it; nil for others.
	delegated *mesh.Delegated
	// pinned is set where a destination was replaced by a pin.
	pinned bool
}

// virtualServiceOf finds whose routes callers of s get, and says for whom it is
// something else. It reports false, with a diagnostic, where s is left alone for it.
func (c *compiler) virtualServiceOf(s *service) (pick, bool) {
	if r := c.serviceRoutes[[2]string{s.Namespace, s.Name}]; r != nil {
		c.leave(s, diag.ServiceRouteInTheWay, "%s is attached to it", r.Object())
		return pick{}, false
	}
	claims, ok := c.claims(s.host, s.host, httpPorts(s.Ports))
	if !ok {
		c.leave(s, diag.TooManyCallers, "more than %d kinds of callers are told apart by labels", mesh.MaxLabels)
		return pick{}, false
	}
	if claims == nil {
		return pick{}, true // nothing of users decides
	}
	picked, ok := claims.choose(s.Namespace, c.namespacesOf(s))
	if !ok {
		d := c.whyNone(claims, s)
		c.leave(s, d.Code, "%s", d.Message)
		return pick{}, false
	}
	for _, n := range slices.Sorted(maps.Keys(picked.others)) {
		if n != mesh.Elsewhere {
			c.say(s, diag.VirtualServiceOfCaller, "callers in namespace %s %s, and follow no overrides", n, picked.others[n].uses())
		}
	}
	return picked, true
}

// uses says what callers get, as in "use VirtualService shop/cart".
func (c *claim) uses() string {
	if len(c.sources) == 0 {
		return "use the Service without any routes"
	}
	var names []string
	for _, s := range c.sources {
		names = append(names, s.Object.String())
	}
	slices.Sort(names)
	return "use " + list(names)
}

// whyNone says why nobody's routes can be taken over.
func (c *compiler) whyNone(claims inForce, s *service) diag.Diagnostic {
	own := claims[s.Namespace]
	if own == nil || len(own.sources) == 0 {
		return diag.New(diag.VirtualServiceScoped, s.Object(), "no namespace is known in which callers have it")
	}
	first := own.sources[0]
	if len(own.sources) == 1 {
		return diag.New(diag.VirtualServiceScoped, first.Object, "%s exports itself to %s", first.Object, list(first.Scope().Namespaces))
	}
	why := "none of them has a route for all ports and callers"
	if own.sources[0].Created.IsZero() || own.sources[1].Created.IsZero() {
		why = "their ages are not known"
	}
	names := []string{own.sources[0].Object.String(), own.sources[1].Object.String()}
	slices.Sort(names)
	return diag.New(diag.VirtualServiceAmbiguous, first.Object, "%s and %s are both for this host, and %s", names[0], names[1], why)
}

// namespacesOf lists the namespaces from which s may be called.
func (c *compiler) namespacesOf(s *service) []string {
	return c.callerNamespaces(&draft{settings: s.settings, seen: []*service{s}})
}

// readRoutes returns the routes that sidecars take from v. The problem is nil
// where v can be adopted.
func (c *compiler) readRoutes(source *mesh.Source) ([]userRoute, *diag.Diagnostic) {
	v := source.User
	problem := func(code diag.Code, text string) ([]userRoute, *diag.Diagnostic) {
		d := diag.New(code, v.Object(), "%s %s", v.Object(), text).At(v.Origin)
		return nil, &d
	}
	code, why := c.delegateProblem(v)
	if why == "" {
		code, why = c.routesProblem(source)
	}
	if why != "" {
		return problem(code, why)
	}
	c.sayDropped(source)
	var out []userRoute
	for i := range source.Routes {
		r := &source.Routes[i]
		if n := len(out); n > 0 && out[n-1].index == r.Index {
			out[n-1].matches = append(out[n-1].matches, *r.Match)
			continue
		}
		// What is pinned below is pinned in a copy.
		u := userRoute{index: r.Index, name: r.HTTP.GetName(), base: proto.CloneOf(r.HTTP), delegated: r.Delegated}
		if why := settleAction(u.base); why != "" {
			return problem(diag.VirtualServiceInvalid, fmt.Sprintf("%s (route %d)", why, r.Index+1))
		}
		if len(r.HTTP.GetMatch()) > 0 {
			u.matches = []route.Match{*r.Match}
		}
		if len(u.base.GetRoute()) > 0 {
			u.destinations = c.concrete(r.Destinations)
		}
		out = append(out, u)
	}
	out = upToCatchAll(out)
	for i := range out {
		if usesHeader(out[i].matches, c.options.Header) {
			return problem(diag.VirtualServiceUsesCarrier, "matches header "+c.options.Header+" itself")
		}
	}
	return out, nil
}

// delegateProblem says why what v delegates to can't be taken over; "" if it can.
func (c *compiler) delegateProblem(v *model.VirtualService) (diag.Code, string) {
	for _, h := range v.Spec.GetHttp() {
		if h.GetDelegate() == nil {
			continue
		}
		name := mesh.DelegateName(v, h.GetDelegate())
		switch d := c.mesh.Delegate(name); {
		case d == nil:
			return diag.DelegateNotFound, fmt.Sprintf("delegates to VirtualService %s/%s, which is not there", name[0], name[1])
		case len(d.Unknown) > 0:
			return diag.VirtualServiceUnknownField, fmt.Sprintf("delegates to %s, which has fields that are not known here: %s", d.Object(), list(d.Unknown))
		case c.refusal(d) != "":
			return diag.VirtualServiceInvalid, fmt.Sprintf("delegates to %s, which Istio refuses: %s", d.Object(), c.refusal(d))
		}
	}
	return "", ""
}

// routesProblem says why the routes of source can't be taken over; "" if they can.
func (c *compiler) routesProblem(source *mesh.Source) (diag.Code, string) {
	v := source.User
	switch {
	case len(v.Unknown) > 0:
		return diag.VirtualServiceUnknownField, "has fields that are not known here: " + list(v.Unknown)
	case len(v.Spec.GetTcp()) > 0 || len(v.Spec.GetTls()) > 0:
		return diag.VirtualServiceNotHTTP, "has TCP or TLS routes"
	case c.refusal(v) != "":
		return diag.VirtualServiceInvalid, "is refused by Istio: " + c.refusal(v)
	case len(v.Spec.GetHttp()) == 0:
		return diag.VirtualServiceInvalid, "has no routes"
	}
	if bad, ok := errors.AsType[*mesh.MatchError](source.Problem); ok {
		return diag.VirtualServiceInvalid, fmt.Sprintf("has a match that Istio refuses (http[%d]): %v", bad.Route, bad.Err)
	}
	return "", ""
}

// upToCatchAll leaves out the routes behind one that fits every request of every caller:
// Istio looks no further.
func upToCatchAll(routes []userRoute) []userRoute {
	at := slices.IndexFunc(routes, func(r userRoute) bool { return r.catchesAll() })
	if at < 0 {
		return routes
	}
	return routes[:at+1]
}

// catchesAll reports whether every request of every caller fits r.
func (r *userRoute) catchesAll() bool {
	return len(r.matches) == 0 || slices.ContainsFunc(r.matches, func(m route.Match) bool {
		return m.Port == 0 && m.SourceNamespace == "" && len(m.SourceLabels) == 0 && mesh.CatchesAll(&m)
	})
}

// concrete returns destinations with what ExternalName Services stand for, where that
// is a Service: no subset can be made for an alias.
func (c *compiler) concrete(in []route.Destination) []route.Destination {
	out := slices.Clone(in)
	for i := range out {
		if host := c.mesh.Concrete(out[i].Host); c.byHost[host] != nil {
			out[i].Host = host
		}
	}
	return out
}

// sayDropped tells of routes that Istio passes over for their delegates.
func (c *compiler) sayDropped(source *mesh.Source) {
	for _, d := range source.Dropped {
		if d.Conflict {
			c.add(diag.New(diag.DelegateRouteDropped, d.Found.Object(),
				"a match of route %q conflicts with %s, so that Istio passes over the route", d.Route, d.Root.Object()).At(d.Found.Origin))
			continue
		}
		c.add(diag.New(diag.DelegateRouteDropped, d.Root.Object(), "Istio passes over a route, since its delegate %s/%s %s",
			d.Delegate[0], d.Delegate[1], d.Why).At(d.Root.Origin))
	}
}

// settleAction leaves h, which is a copy, with the one action that Istio would
// take: redirect, else directResponse, else route. A merged delegate may have
// several, which a VirtualService can't say. It returns what can't be said at all.
func settleAction(h *istioapi.HTTPRoute) string {
	answers := h.GetRedirect() != nil || h.GetDirectResponse() != nil
	switch {
	case !answers && len(h.GetRoute()) == 0:
		return "has neither route, redirect nor directResponse"
	case answers && h.GetFault() != nil:
		return "has a fault together with redirect or directResponse"
	case h.GetMirror() != nil && len(h.GetMirrors()) > 0:
		return "has both mirror and mirrors"
	case answers:
		h.Route, h.Rewrite = nil, nil
		if h.GetRedirect() != nil {
			h.DirectResponse = nil
		}
	}
	for _, d := range h.GetRoute() {
		if d.GetDestination().GetHost() == "" {
			return "has a destination without host"
		}
	}
	return ""
}

func usesHeader(matches []route.Match, name string) bool {
	return slices.ContainsFunc(matches, func(m route.Match) bool { return m.Mentions(name) })
}
