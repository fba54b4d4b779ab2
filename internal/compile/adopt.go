package compile

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// userRoute is one HTTP route as the user wrote it, or the one that a Service
// has by itself.
type userRoute struct {
	name    string
	matches []route.Match
	// base is a copy of the user's, with hosts resolved; nil for a Service's own.
	base         *istioapi.HTTPRoute
	destinations []route.Destination
}

// choice is the user's VirtualService for a host.
type choice struct {
	// virtualService is nil where there is none.
	virtualService *model.VirtualService
	// excluded are namespaces that have one of their own, which holds there.
	excluded []string
}

// virtualServiceOf finds the VirtualService that sidecars use for the host of
// s. It reports false, with a diagnostic, where that can't be told or the one
// found can't be adopted.
func (c *compiler) virtualServiceOf(s *service) (choice, bool) {
	if r := c.mesh.serviceRoutes[[2]string{s.Namespace, s.Name}]; r != nil {
		c.leave(s, diag.ServiceRouteInTheWay, "left alone: %s is attached to it", r.Object())
		return choice{}, false
	}
	candidates := c.candidates(s.host)
	picked, problem := choose(candidates, s.Namespace)
	if problem != nil {
		c.leave(s, problem.Code, "left alone: %s", problem.Message)
		return choice{}, false
	}
	for _, v := range candidates {
		if slices.Contains(picked.excluded, v.Namespace) {
			c.say(s, diag.VirtualServiceOfCaller, "callers in namespace %s use %s, and follow no overrides", v.Namespace, v.Object())
		}
	}
	return picked, true
}

// candidates lists the user's VirtualServices for a resolved host: those that
// name it, else those of the longest wildcard that covers it.
func (c *compiler) candidates(host string) []*model.VirtualService {
	if strings.HasPrefix(host, "*") {
		return c.mesh.virtualServices.wildcard[host]
	}
	if exact := c.mesh.virtualServices.exact[host]; len(exact) > 0 {
		return exact
	}
	for _, pattern := range c.mesh.virtualServices.covering(host) {
		return c.mesh.virtualServices.wildcard[pattern]
	}
	return nil
}

// choose picks the VirtualService in force among candidates, which are in
// Istio's order. Where several are public the oldest is, if ages are known.
func choose(candidates []*model.VirtualService, namespace string) (choice, *diag.Diagnostic) {
	var out choice
	var public []*model.VirtualService
	for _, v := range candidates {
		visible := visibleIn(v.Spec.GetExportTo(), v.Namespace)
		switch {
		case visible == nil:
			public = append(public, v)
		case slices.Equal(visible, []string{v.Namespace}) && v.Namespace != namespace:
			out.excluded = append(out.excluded, v.Namespace)
		default:
			d := diag.New(diag.VirtualServiceScoped, v.Object(), "%s exports itself to %s", v.Object(), list(visible))
			return out, &d
		}
	}
	if len(public) == 0 {
		return out, nil
	}
	out.virtualService = public[0]
	why := ""
	switch {
	case len(public) == 1:
	case public[0].Created.IsZero() || public[0].Created.Equal(public[1].Created):
		why = "their ages are not known"
	case !routesForAll(public[0].Spec):
		why = "the older has no route for some ports or callers"
	}
	if why == "" {
		return out, nil
	}
	d := diag.New(diag.VirtualServiceAmbiguous, public[0].Object(), "%s and %s are both for this host, and %s", public[0].Object(), public[1].Object(), why)
	return out, &d
}

// routesForAll reports whether v has a route for every port and caller. Where
// it has none, Istio takes the next VirtualService for the host.
func routesForAll(v *istioapi.VirtualService) bool {
	return slices.ContainsFunc(v.GetHttp(), func(h *istioapi.HTTPRoute) bool {
		return h.GetDelegate() == nil && (len(h.GetMatch()) == 0 || slices.ContainsFunc(h.GetMatch(), func(m *istioapi.HTTPMatchRequest) bool {
			return m.GetPort() == 0 && len(m.GetSourceLabels()) == 0 && m.GetSourceNamespace() == "" && len(m.GetGateways()) == 0
		}))
	})
}

// readRoutes returns the routes that sidecars take from v. The problem is nil
// where v can be adopted.
func (c *compiler) readRoutes(v *model.VirtualService) ([]userRoute, *diag.Diagnostic) {
	problem := func(code diag.Code, format string, args ...any) ([]userRoute, *diag.Diagnostic) {
		d := diag.New(code, v.Object(), "%s %s", v.Object(), fmt.Sprintf(format, args...)).At(v.Origin)
		return nil, &d
	}
	for _, h := range v.Spec.GetHttp() {
		if h.GetDelegate() == nil {
			continue
		}
		name := delegateName(v, h.GetDelegate())
		switch d := c.mesh.byName[name]; {
		case d == nil:
			return problem(diag.DelegateNotFound, "delegates to VirtualService %s/%s, which is not there", name[0], name[1])
		case len(d.Unknown) > 0:
			return problem(diag.VirtualServiceUnknownField, "delegates to %s, which has fields that are not known here: %s", d.Object(), list(d.Unknown))
		}
	}
	switch {
	case len(v.Unknown) > 0:
		return problem(diag.VirtualServiceUnknownField, "has fields that are not known here: %s", list(v.Unknown))
	case len(v.Spec.GetTcp()) > 0 || len(v.Spec.GetTls()) > 0:
		return problem(diag.VirtualServiceNotHTTP, "has TCP or TLS routes")
	case overlap(v.Spec.GetHosts()) != "":
		return problem(diag.VirtualServiceInvalid, "has hosts that cover each other, which Istio refuses: %s", overlap(v.Spec.GetHosts()))
	case len(v.Spec.GetHttp()) == 0:
		return problem(diag.VirtualServiceInvalid, "has no routes")
	}
	var out []userRoute
	for i, h := range c.flatten(v) {
		if why := settleAction(h); why != "" {
			return problem(diag.VirtualServiceInvalid, "%s (route %d)", why, i+1)
		}
		matches, forMesh, err := readMatches(h.GetMatch())
		switch {
		case err != nil:
			return problem(diag.VirtualServiceInvalid, "has a match that Istio refuses (http[%d]): %v", i, err)
		case !forMesh:
			continue
		case usesHeader(matches, c.options.Header):
			return problem(diag.VirtualServiceUsesCarrier, "matches header %s itself", c.options.Header)
		}
		r := userRoute{name: h.GetName(), matches: matches, base: h}
		for _, d := range h.GetRoute() {
			r.destinations = append(r.destinations, route.Destination{
				Host: d.GetDestination().GetHost(), Subset: d.GetDestination().GetSubset(),
				Port: d.GetDestination().GetPort().GetNumber(), Weight: d.GetWeight(), Headers: d.GetHeaders(),
			})
		}
		out = append(out, r)
	}
	return out, nil
}

// overlap returns a host that another one of the list is, or covers.
func overlap(hosts []string) string {
	for i, host := range hosts {
		for j, other := range hosts {
			suffix, wildcard := strings.CutPrefix(other, "*")
			if i != j && (host == other || (wildcard && strings.HasSuffix(host, suffix))) {
				return host
			}
		}
	}
	return ""
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
	for _, m := range matches {
		for _, headers := range []map[string]route.StringMatch{m.Headers, m.WithoutHeaders} {
			if _, ok := headers[name]; ok {
				return true
			}
		}
	}
	return false
}

// readMatches translates the alternatives that sidecars have. It reports false
// if all of them are for gateways only.
func readMatches(in []*istioapi.HTTPMatchRequest) ([]route.Match, bool, error) {
	var out []route.Match
	for i, m := range in {
		if gateways := m.GetGateways(); len(gateways) > 0 && !slices.Contains(gateways, meshGateway) {
			continue
		}
		match, err := readMatch(m)
		if err != nil {
			return nil, false, fmt.Errorf("match[%d].%w", i, err)
		}
		out = append(out, match)
	}
	return out, len(in) == 0 || len(out) > 0, nil
}

// readMatch translates one alternative. Where it names gateways, Istio does
// not look at the labels and the namespace of the caller.
func readMatch(in *istioapi.HTTPMatchRequest) (route.Match, error) {
	out := route.Match{
		Name: in.GetName(), StatPrefix: in.GetStatPrefix(),
		IgnoreURICase: in.GetIgnoreUriCase(), Port: in.GetPort(),
	}
	if len(in.GetGateways()) == 0 {
		out.SourceLabels, out.SourceNamespace = in.GetSourceLabels(), in.GetSourceNamespace()
	}
	for _, f := range []struct {
		name string
		in   *istioapi.StringMatch
		out  **route.StringMatch
	}{
		{"uri", in.GetUri(), &out.URI},
		{"scheme", in.GetScheme(), &out.Scheme},
		{"method", in.GetMethod(), &out.Method},
		{"authority", in.GetAuthority(), &out.Authority},
	} {
		if f.in == nil {
			continue
		}
		match, err := readString(f.in)
		if err != nil {
			return out, fmt.Errorf("%s: %w", f.name, err)
		}
		*f.out = &match
	}
	for _, f := range []struct {
		name string
		in   map[string]*istioapi.StringMatch
		out  *map[string]route.StringMatch
	}{
		{"headers", in.GetHeaders(), &out.Headers},
		{"withoutHeaders", in.GetWithoutHeaders(), &out.WithoutHeaders},
		{"queryParams", in.GetQueryParams(), &out.QueryParams},
	} {
		matches, err := readStrings(f.in, f.name != "queryParams")
		if err != nil {
			return out, fmt.Errorf("%s: %w", f.name, err)
		}
		*f.out = matches
	}
	return out, nil
}

func readStrings(in map[string]*istioapi.StringMatch, fold bool) (map[string]route.StringMatch, error) {
	if len(in) == 0 {
		return nil, nil
	}
	out := make(map[string]route.StringMatch, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) {
		match, err := readString(in[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		if strings.HasPrefix(name, "@request.auth.claims") {
			return nil, fmt.Errorf("%s: claims can be matched at gateways only", name)
		}
		key := name
		if fold {
			key = strings.ToLower(name)
		}
		if _, twice := out[key]; twice {
			return nil, fmt.Errorf("%s: the same header stands twice in different case", name)
		}
		out[key] = match
	}
	return out, nil
}

// readString translates a StringMatch; none, {} and the pattern "*" ask for
// presence (Istio's canBeConvertedToPresentMatch).
func readString(in *istioapi.StringMatch) (route.StringMatch, error) {
	switch m := in.GetMatchType().(type) {
	case *istioapi.StringMatch_Exact:
		return route.StringMatch{Op: route.Exact, Value: m.Exact}, nil
	case *istioapi.StringMatch_Prefix:
		return route.StringMatch{Op: route.Prefix, Value: m.Prefix}, nil
	case *istioapi.StringMatch_Regex:
		if m.Regex == "*" {
			return route.StringMatch{Op: route.Present}, nil
		}
		if len(m.Regex) > grammar.MaxPatternBytes {
			return route.StringMatch{}, fmt.Errorf("the pattern is longer than %d bytes", grammar.MaxPatternBytes)
		}
		if _, err := regexp.Compile(m.Regex); err != nil {
			return route.StringMatch{}, fmt.Errorf("the pattern does not compile: %w", err)
		}
		return route.StringMatch{Op: route.Regex, Value: m.Regex}, nil
	}
	return route.StringMatch{Op: route.Present}, nil
}
