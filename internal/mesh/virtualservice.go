package mesh

import (
	"slices"
	"strings"
	"time"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Source is a VirtualService as sidecars see it.
type Source struct {
	Object    diag.Object
	Namespace string
	Created   time.Time
	// Revision is the revision of the only istiod that reads it; empty for all.
	Revision string
	// Hosts are resolved; those of Services in lower case.
	Hosts    []string
	verbatim []string
	// written are the resolved hosts in the case in which they are written: in some
	// places Istio compares these.
	written []string
	// Gateways are the gateways that it applies to, as "namespace/name"; nil for sidecars.
	Gateways []string
	// User is the user's VirtualService, Table that of Overrides; one of them is nil.
	User  *model.VirtualService
	Table *route.Table

	// Routes are its HTTP routes for sidecars, each with one match, in order. They are
	// not known if there is a Problem.
	Routes []Route
	// Dropped are routes that Istio ignores.
	Dropped []Dropped
	// Problem says why the routes are not known: Istio refuses the object, or it has
	// fields that are newer than this program. Otherwise it is nil.
	Problem error

	scope Scope
	// other are destinations of TCP and TLS routes, gateways those of HTTP routes that
	// don't apply to sidecars: both count for the imports of Sidecars.
	other    []route.Destination
	gateways []Route
	// leadsTo are the hosts of all destinations and mirrors.
	leadsTo []string
}

// Ours reports whether Overrides made s.
func (s *Source) Ours() bool { return s.Table != nil }

// Verbatim returns the i-th host as the user wrote it.
func (s *Source) Verbatim(i int) string { return s.verbatim[i] }

// OutrankedIn reports whether proxies of caller prefer a VirtualService of namespace that
// names their namespace in its exportTo to s, whatever the ages are.
func (s *Source) OutrankedIn(caller, namespace string) bool {
	at, _ := s.scope.bucket(s.Namespace, caller) // the first one if callers don't see s
	ours, _ := Scope{Namespaces: []string{caller}}.bucket(namespace, caller)
	return at > ours
}

// Public reports whether all namespaces see s.
func (s *Source) Public() bool { return s.scope.Public }

// Scope says which namespaces see s.
func (s *Source) Scope() Scope { return s.scope }

// Route is one route of a VirtualService, with one of its matches, or a Service's own
// route.
type Route struct {
	// Match matches the requests of the route; the zero Match matches all. It is never
	// changed.
	Match *route.Match
	// HTTP is the user's route, with hosts resolved; nil for a Service's own and for a
	// route with a Response. The routes of all its matches share it, and its match,
	// route, mirror and mirrors are not used.
	HTTP         *istioapi.HTTPRoute
	Destinations []route.Destination
	Mirrors      []route.Destination
	Response     *route.Response
	// Index is the position of the route among those of its object.
	Index int
	// NeedsOverride is set for routes of Overrides that no ordinary request takes.
	NeedsOverride bool
	// Delegated is the route that delegates to it; nil for others.
	Delegated *Delegated
	// Gateways are those that it is for; nil for all of its VirtualService.
	Gateways []string
	// row is the row of a table of Overrides; nil for others.
	row *route.Route
	// from is the VirtualService that has it, for a route of a [GatewayHost].
	from *Source
}

// From returns the VirtualService that has a route of a [GatewayHost].
func (r *Route) From() *Source { return r.from }

// Row returns the row of the table that r is made from; nil for users' routes.
func (r *Route) Row() *route.Route { return r.row }

// catchesAll reports whether Istio ignores routes after r.
func (r *Route) catchesAll() bool { return CatchesAll(r.Match) }

// CatchesAll reports whether m matches every request, apart from conditions on callers
// and ports (pilot/pkg/networking/core/route: IsCatchAllRoute).
func CatchesAll(m *route.Match) bool {
	if m.Method != nil || m.Scheme != nil || m.Authority != nil || len(m.Headers) > 0 || len(m.WithoutHeaders) > 0 || len(m.QueryParams) > 0 {
		return false
	}
	if m.URI == nil || m.URI.Op == route.Present {
		return true // every request has a path
	}
	return (m.URI.Op == route.Prefix && m.URI.Value == "/") || (m.URI.Op == route.Regex && m.URI.Value == ".*")
}

// BoundToMesh reports whether a VirtualService with these gateways applies to sidecars at all.
func BoundToMesh(gateways []string) bool {
	return len(gateways) == 0 || slices.Contains(gateways, meshGateway)
}

// BoundToGateways reports whether a VirtualService with these gateways applies to gateways,
// and not only to sidecars.
func BoundToGateways(gateways []string) bool {
	return slices.ContainsFunc(gateways, func(g string) bool { return g != meshGateway })
}

// indexVirtualServices indexes the user's VirtualServices.
func (m *Mesh) indexVirtualServices() {
	for i := range m.snapshot.VirtualServices {
		v := &m.snapshot.VirtualServices[i]
		m.byName[[2]string{v.Namespace, v.Name}] = v
	}
	for i := range m.snapshot.VirtualServices {
		v := &m.snapshot.VirtualServices[i]
		if len(v.Spec.GetHosts()) == 0 {
			continue
		}
		if BoundToMesh(v.Spec.GetGateways()) {
			m.sources.add(m.userSource(v))
		}
		if BoundToGateways(v.Spec.GetGateways()) {
			m.onGateways.add(m.gatewaySource(v))
		}
	}
}

func (m *Mesh) userSource(v *model.VirtualService) *Source {
	s := m.sourceOf(v)
	s.Routes, s.Dropped, s.Problem = m.readRoutes(v)
	s.other, s.gateways = m.otherDestinations(v), m.gatewayRoutes(v)
	s.listDestinations()
	return s
}

// sourceOf returns the source of a user's VirtualService without its routes.
func (m *Mesh) sourceOf(v *model.VirtualService) *Source {
	s := &Source{
		Object: v.Object(), Namespace: v.Namespace, Created: v.Created, Revision: v.Revision, User: v,
		scope: scopeOf(v.Spec.GetExportTo(), m.snapshot.Mesh.VirtualServiceExportTo, v.Namespace),
	}
	for _, h := range v.Spec.GetHosts() {
		s.written = append(s.written, m.Resolve(h, v.Namespace))
		resolved := strings.ToLower(m.Resolve(h, v.Namespace))
		if !slices.Contains(s.Hosts, resolved) {
			s.Hosts, s.verbatim = append(s.Hosts, resolved), append(s.verbatim, h)
		}
	}
	return s
}

// gatewayRoutes lists the routes that are for gateways only.
func (m *Mesh) gatewayRoutes(v *model.VirtualService) []Route {
	var out []Route
	var flat []*istioapi.HTTPRoute
	if namesGateways(v) {
		flat, _ = m.flatten(v)
	}
	for _, h := range flat {
		if _, forMesh, err := readMatches(h.GetMatch()); err != nil || forMesh {
			continue
		}
		r := Route{HTTP: h, Mirrors: m.mirrors(h, v.Namespace)}
		for _, d := range h.GetRoute() {
			r.Destinations = append(r.Destinations, m.destination(d.GetDestination(), v.Namespace))
		}
		out = append(out, r)
	}
	return out
}

func (m *Mesh) otherDestinations(v *model.VirtualService) []route.Destination {
	var out []route.Destination
	add := func(list []*istioapi.RouteDestination) {
		for _, d := range list {
			out = append(out, m.destination(d.GetDestination(), v.Namespace))
		}
	}
	for _, t := range v.Spec.GetTcp() {
		add(t.GetRoute())
	}
	for _, t := range v.Spec.GetTls() {
		add(t.GetRoute())
	}
	return out
}

// namesGateways reports whether a match of v, or its delegate, may be for gateways.
func namesGateways(v *model.VirtualService) bool {
	return slices.ContainsFunc(v.Spec.GetHttp(), func(h *istioapi.HTTPRoute) bool {
		return h.GetDelegate() != nil || slices.ContainsFunc(h.GetMatch(), func(m *istioapi.HTTPMatchRequest) bool { return len(m.GetGateways()) > 0 })
	})
}

func (m *Mesh) destination(d *istioapi.Destination, namespace string) route.Destination {
	return route.Destination{Host: m.Resolve(d.GetHost(), namespace), Subset: d.GetSubset(), Port: d.GetPort().GetNumber()}
}

// readRoutes returns the routes of v for sidecars.
func (m *Mesh) readRoutes(v *model.VirtualService) ([]Route, []Dropped, error) {
	flat, from, dropped := m.flattenFrom(v)
	if unknown := m.unknownFields(v); unknown != nil {
		return nil, dropped, unknown
	}
	var out []Route
	for i, h := range flat {
		matches, forMesh, err := readMatches(h.GetMatch())
		if err != nil {
			return nil, dropped, &MatchError{Route: i, Err: err}
		}
		if !forMesh {
			continue
		}
		if len(matches) == 0 {
			matches = []route.Match{{}}
		}
		r := m.routeOf(v, h)
		r.Index, r.Delegated = i, from[i]
		for j := range matches {
			r.Match = &matches[j]
			out = append(out, r)
		}
	}
	return out, dropped, nil
}

// routeOf returns a route of v without its match.
func (m *Mesh) routeOf(v *model.VirtualService, h *istioapi.HTTPRoute) Route {
	r := Route{HTTP: h}
	for _, d := range h.GetRoute() {
		to := m.destination(d.GetDestination(), v.Namespace)
		to.Weight, to.Headers = d.GetWeight(), d.GetHeaders()
		r.Destinations = append(r.Destinations, to)
	}
	r.Mirrors = m.mirrors(h, v.Namespace)
	return r
}

// UnknownFieldsError means that an object has fields that are newer than this program.
type UnknownFieldsError struct {
	Object diag.Object
	Fields []string
}

func (e *UnknownFieldsError) Error() string {
	return e.Object.String() + " has unknown fields: " + strings.Join(e.Fields, ", ")
}

// unknownFields lists the fields of v, or of its delegates, that are not known. A
// delegate that some istiod that reads v does not read counts as unknown too.
func (m *Mesh) unknownFields(v *model.VirtualService) error {
	if len(v.Unknown) > 0 {
		return &UnknownFieldsError{v.Object(), v.Unknown}
	}
	for _, h := range v.Spec.GetHttp() {
		if h.GetDelegate() == nil {
			continue
		}
		switch d := m.byName[DelegateName(v, h.GetDelegate())]; {
		case d == nil:
		case len(d.Unknown) > 0:
			return &UnknownFieldsError{d.Object(), d.Unknown}
		case d.Revision != "" && d.Revision != v.Revision:
			return &UnknownFieldsError{d.Object(), []string{"metadata.labels[istio.io/rev] (another revision)"}}
		}
	}
	return nil
}

func (m *Mesh) mirrors(h *istioapi.HTTPRoute, namespace string) []route.Destination {
	var out []route.Destination
	if h.GetMirror() != nil {
		out = append(out, m.destination(h.GetMirror(), namespace))
	}
	for _, mirror := range h.GetMirrors() {
		out = append(out, m.destination(mirror.GetDestination(), namespace))
	}
	return out
}

// MatchError is a match that Istio refuses.
type MatchError struct {
	// Route is the index of the route.
	Route int
	Err   error
}

func (e *MatchError) Error() string { return e.Err.Error() }

// Unwrap returns the error in the match.
func (e *MatchError) Unwrap() error { return e.Err }

// everything is the match of every request.
var everything = &route.Match{}

// tableSource returns the source of a table of Overrides.
func (m *Mesh) tableSource(t *route.Table) *Source {
	s := &Source{Object: istio.TableObject(t), Namespace: t.Namespace, Revision: t.Revision, Gateways: t.Gateways, Table: t}
	s.scope = scopeOf(t.ExportTo, m.snapshot.Mesh.VirtualServiceExportTo, t.Namespace)
	for _, h := range t.Hosts {
		s.written = append(s.written, m.Resolve(h, t.Namespace))
		s.Hosts = append(s.Hosts, strings.ToLower(m.Resolve(h, t.Namespace)))
	}
	n := 0
	for i := range t.Routes {
		n += max(len(t.Routes[i].Matches), 1)
	}
	s.Routes = make([]Route, 0, n)
	for i := 0; i < len(t.Routes); i++ {
		if d := t.DelegationAt(i); d != nil {
			routes, dropped := m.delegatedRoutes(t, d, i)
			s.Routes, s.Dropped = append(s.Routes, routes...), append(s.Dropped, dropped...)
			i += d.Rows - 1
			continue
		}
		row := &t.Routes[i]
		r := Route{HTTP: row.Base, Destinations: row.Destinations, Response: row.Response, Index: i, row: row}
		if row.Base.GetMirror() != nil || len(row.Base.GetMirrors()) > 0 {
			r.Mirrors = m.mirrors(row.Base, t.Namespace)
		}
		if len(row.Matches) == 0 {
			r.Match = everything
			s.Routes = append(s.Routes, r)
		}
		for j := range row.Matches {
			r.Match = &row.Matches[j]
			r.NeedsOverride = NeedsOverride(r.Match, m.snapshot.Options.Header)
			s.Routes = append(s.Routes, r)
		}
	}
	s.listDestinations()
	return s
}

// NeedsOverride reports whether m matches only requests with an override: it requires the
// override header, or a baggage header with a member that is an override.
func NeedsOverride(m *route.Match, header string) bool {
	for i := range m.Headers {
		want := &m.Headers[i]
		if strings.EqualFold(want.Name, header) || (strings.EqualFold(want.Name, grammar.BaggageHeader) && needsBaggageOverride(want.StringMatch)) {
			return true
		}
	}
	return false
}

// needsBaggageOverride reports whether a matcher matches only baggage with an override.
func needsBaggageOverride(want route.StringMatch) bool {
	return (want.Op == route.Regex && grammar.NeedsBaggageOverride(want.Value)) ||
		(want.Op == route.Exact && anyBaggage.Match(want.Value))
}

var anyBaggage = route.StringMatch{Op: route.Regex, Value: grammar.AnyBaggagePattern}
