package explain

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// evaluation is the state of evaluating one hop.
type evaluation struct {
	*index
	target  *target
	query   *Query
	carried *carried
	caller  *caller
	// found holds the routes that decide, and table the table of Overrides if that one
	// decides.
	found inForce
	table *route.Table
	// arrival is set if a gateway makes the call.
	arrival *Arrival
	// departure is set if the caller's sidecar takes overrides from tokens alone.
	departure *Arrival
	request   route.Request
	notes     []Note
}

// hop evaluates one call, and returns the caller of the next one; nil if the request ends
// here.
func (e *evaluation) hop() (Hop, *caller, error) {
	out := Hop{
		Caller: e.caller.name, Service: e.target.name, Namespace: e.target.namespace, Host: e.target.host,
	}
	port, err := e.port()
	if err != nil {
		return out, nil, err
	}
	out.Port = port
	e.request = route.Request{
		Method: cmp.Or(e.query.Method, "GET"), Scheme: cmp.Or(e.query.Scheme, "http"), Path: cmp.Or(e.query.Path, "/"),
		Authority: cmp.Or(e.query.Authority, e.target.name), Port: port, Header: e.arrival.withClaims(e.query.Header),
		Caller: route.Caller{Namespace: e.caller.namespace, Labels: e.caller.labels},
	}
	out.Sidecar = e.departure
	if out.Gateway = e.arrival; e.arrival != nil && e.arrival.answer != "" {
		out.Reached = e.arrival.answer
		return out, nil, nil
	}
	e.found = e.routing.inForce(&call{caller: e.request.Caller, host: e.target.host, authority: e.query.Authority, port: port, gateway: e.target.gateway != nil})
	if e.caller.noSidecar {
		e.withoutProxy()
	}
	e.noteOrder()
	e.noteAccess()
	if e.table = e.found.table; e.table == nil {
		if e.losesOverride() {
			e.arrival.say("removes the override, since no route of Overrides asks for claims at this host")
		}
		destinations := e.withoutTable(&out)
		e.noteNotFollowed(&route.Route{Name: e.found.users.String(), Destinations: destinations})
		return out, e.next(destinations), nil
	}
	decision := route.Evaluate(e.table, &e.request)
	out.Rows = e.rows(&decision)
	if name := e.table.Namespace + "/" + e.table.Name; e.caller.kubernetes == (diag.Object{}) {
		out.Table = name
	} else {
		out.KubernetesGateway, out.Rows = name, mergeRows(out.Rows)
	}
	if decision.Route < 0 {
		out.Reached = noRoute
		return out, nil, nil
	}
	taken := &e.table.Routes[decision.Route]
	out.Route, out.Kind, out.Destinations = taken.Name, taken.Kind, taken.Destinations
	out.Reached = e.to(taken)
	e.noteNotFollowed(taken)
	return out, e.next(taken.Destinations), nil
}

// httpPort is the default port of HTTP.
const httpPort = 80

// noRoute is the answer of a proxy if no route of a VirtualService fits.
const noRoute = "404: no route matches"

// port returns the called port: the one in the query, or the first that carries HTTP, or
// 80 if the host is not a Service.
func (e *evaluation) port() (uint32, error) {
	s, q := e.target.service, e.query
	switch {
	case s == nil && q.Port == 0 && q.PortName != "":
		return 0, fmt.Errorf("%s is not a Service, so it has no port named %s", e.target.host, q.PortName)
	case e.target.gateway != nil:
		return e.target.port, nil
	case s == nil:
		return cmp.Or(q.Port, httpPort), nil
	}
	if at := slices.IndexFunc(s.Ports, q.means); at >= 0 {
		return s.Ports[at].Number, nil
	}
	asked := q.PortName
	if q.Port != 0 {
		asked = fmt.Sprint(q.Port)
	}
	if asked == "" {
		return 0, nil
	}
	known := "none"
	if len(s.Ports) > 0 {
		var names []string
		for _, p := range s.Ports {
			names = append(names, strings.TrimSuffix(fmt.Sprintf("%d (%s)", p.Number, p.Name), " ()"))
		}
		known = join(names, "and")
	}
	return 0, fmt.Errorf("there is no port %s in Service %s.%s; it has %s", asked, s.Name, s.Namespace, known)
}

// means reports whether q asks about a port of a Service.
func (q *Query) means(p model.Port) bool {
	switch {
	case q.Port != 0:
		return p.Number == q.Port
	case q.PortName != "":
		return p.Name == q.PortName
	}
	return p.HTTP
}

// withoutTable describes a call that no table of Overrides decides, and returns the
// destinations.
func (e *evaluation) withoutTable(out *Hop) []route.Destination {
	s := e.target.service
	if s != nil {
		out.State, out.Code = s.report.State, s.report.Reason
	}
	destinations := e.ordinary(out)
	what := e.whatApplies()
	switch {
	case e.caller.noSidecar:
		out.Why = fmt.Sprintf("%s has no sidecar, so no row of Overrides and no VirtualService takes its requests", e.caller.name)
	case s != nil && s.VersionOf != "":
		out.Why = fmt.Sprintf("it is a version of %s, and ordinary routing applies", s.BaseText())
	case s != nil && s.report.State == compile.Skipped:
		out.Why = fmt.Sprintf("it is left alone, so ordinary routing applies: %s", s.report.Why)
	case e.found.hidden:
		out.Why = fmt.Sprintf("the VirtualService that follows overrides is not exported to namespace %s: %s", e.caller.namespace, what)
	case s != nil && s.report.State == compile.Idle:
		out.Why = "there is nothing to override, so Overrides makes nothing for it, and ordinary routing applies"
	default:
		out.Why = what
	}
	return destinations
}

// ordinary fills in the destination of a request by routes other than those of Overrides.
func (e *evaluation) ordinary(out *Hop) []route.Destination {
	f := &e.found
	everything := []route.Destination{{Host: cmp.Or(f.own, e.target.host)}}
	switch {
	case f.users != (diag.Object{}) && f.routes == nil:
		out.Reached = "where " + f.users.String() + " leads"
		return everything
	case f.users != (diag.Object{}):
		decision := route.Evaluate(&route.Table{Routes: f.routes}, &e.request)
		if decision.Route < 0 {
			out.Reached = noRoute
			return nil
		}
		taken := &f.routes[decision.Route]
		out.Reached, out.Destinations = e.to(taken), taken.Destinations
		return taken.Destinations
	case f.own == "" && e.target.service == nil:
		out.Reached = "ordinary routing"
		return everything
	case f.own == "":
		// A proxy that does not know the name passes the request on to the address that
		// the caller has of the Service.
		everything[0].Host = e.target.service.report.Host
	}
	out.Reached = e.shares(everything)
	return everything
}

// whatApplies says which routes other than those of Overrides are in force, and why
// others are not.
func (e *evaluation) whatApplies() string {
	f := &e.found
	var without []string
	for _, o := range f.without {
		without = append(without, o.String())
	}
	switch {
	case f.users != (diag.Object{}):
		return f.users.String() + " decides"
	case f.own == "":
		return fmt.Sprintf("the caller's proxy does not know %s on port %d", cmp.Or(e.query.Authority, e.target.host), e.request.Port)
	case len(without) > 0:
		return fmt.Sprintf("%s has no route for this caller on port %d, so the Service's own route applies", join(without, "and"), e.request.Port)
	}
	return "the Service's own route applies"
}

// noteOrder notes that the answer depends on the order of VirtualServices.
func (e *evaluation) noteOrder() {
	if e.found.orderMatters {
		n := note(diag.Warning, "%s: the routes in force depend on the ages of VirtualServices, which the input does not have", e.target.name)
		e.notes = append(e.notes, n)
	}
}

// withoutProxy makes the Service's own route decide: no proxy routes the requests of a
// caller without a sidecar.
func (e *evaluation) withoutProxy() {
	e.found = inForce{proxy: e.found.proxy}
	if len(e.carried.header)+len(e.carried.baggage) > 0 {
		n := note(diag.Warning, "%s has no sidecar, and the caller's proxy chooses the version: its requests to %s follow no overrides", e.caller.name, e.target.name)
		n.Fix = "give its pods a sidecar, or send the request from pods that have one"
		e.notes = append(e.notes, n)
	}
}

// next returns the caller of the next hop: the pods that were reached.
func (e *evaluation) next(destinations []route.Destination) *caller {
	if len(destinations) == 0 {
		return nil
	}
	var pods []model.Backend
	name, namespace := e.target.name, e.target.namespace
	for i := range destinations {
		reached, _ := e.podsOf(&destinations[i])
		pods = append(pods, reached...)
		if s := e.byHost[e.found.proxy.cluster(&destinations[i]).Host]; s != nil {
			namespace = s.Namespace
			if e.target.gateway != nil {
				name = s.Name
			}
		}
	}
	return &caller{name: name, namespace: namespace, labels: common(pods), noSidecar: e.lackSidecar(namespace, pods)}
}

// to returns a short form of the destination of a row.
func (e *evaluation) to(r *route.Route) string {
	switch {
	case r.Response != nil:
		return fmt.Sprint(r.Response.Status)
	case r.Kind == route.Override && len(r.Destinations) > 0:
		if _, missing := e.podsOf(&r.Destinations[0]); missing != "" {
			return e.destination(&r.Destinations[0])
		}
		if r.Version.Service != e.target.name || r.Version.Namespace != e.target.namespace {
			return r.Version.Service + ":" + r.Version.Version
		}
		return r.Version.Version
	case len(r.Destinations) > 0:
		return e.shares(r.Destinations)
	case r.Base.GetDirectResponse() != nil:
		return fmt.Sprint(r.Base.GetDirectResponse().GetStatus())
	case r.Base.GetRedirect() != nil:
		redirect := r.Base.GetRedirect()
		return "redirect to " + cmp.Or(redirect.GetAuthority(), e.request.Authority) + cmp.Or(redirect.GetUri(), e.request.Path)
	}
	return "nowhere"
}

// shares describes destinations, with their shares if there are several.
func (e *evaluation) shares(destinations []route.Destination) string {
	total := int64(0)
	for _, d := range destinations {
		total += int64(d.Weight)
	}
	var out []string
	for i := range destinations {
		d := &destinations[i]
		text := e.destination(d)
		if len(destinations) > 1 && total > 0 {
			text = fmt.Sprintf("%s %s%%", text, percent(int64(d.Weight), total))
		}
		out = append(out, text)
	}
	return strings.Join(out, ", ")
}

// alternatives names the versions of pods as in "v1, v2 or pods without a version", where
// "" is among versions.
func alternatives(versions []string) string {
	if len(versions) == 0 {
		return "no pods"
	}
	var names []string
	for _, v := range versions {
		if v != "" {
			names = append(names, v)
		}
	}
	if len(names) < len(versions) {
		names = append(names, "pods without a version")
	}
	if len(names) == 1 {
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}

func percent(part, total int64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.1f", 100*float64(part)/float64(total)), "0"), ".")
}

// destination names the versions that d selects: "v1", "v1 or v2", or "ratings:v1" for
// another Service.
func (e *evaluation) destination(d *route.Destination) string {
	s := e.byHost[e.found.proxy.cluster(d).Host]
	if s == nil {
		return strings.TrimSuffix(d.Host+" "+d.Subset, " ")
	}
	pods, missing := e.podsOf(d)
	text := alternatives(versionsOf(s, pods))
	if missing != "" {
		text = missing + ", which does not exist"
	}
	isVersion := s.VersionOfIn == "" && s.VersionOf == e.target.name || e.target.service != nil && s.IsVersionOf(e.target.service.Service)
	if (s != e.target.service || s.Name != e.target.name) && !isVersion {
		return s.Name + ":" + text
	}
	return text
}
