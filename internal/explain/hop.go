package explain

import (
	"cmp"
	"fmt"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// evaluation is one hop in the making.
type evaluation struct {
	*index
	target  *target
	query   *Query
	carried *carried
	caller  *caller
	table   *route.Table
	request route.Request
}

// hop answers for one call, and returns who makes the next; nil where the
// request ends here.
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
		Authority: cmp.Or(e.query.Authority, e.target.name), Port: port, Header: e.query.Header,
		Caller: route.Caller{Namespace: e.caller.namespace, Labels: e.caller.labels},
	}
	found := e.routing.inForce(&call{caller: e.caller, host: e.target.host, port: port})
	if e.table = found.table; e.table == nil {
		e.withoutTable(&out, &found)
		return out, e.next([]route.Destination{{Host: e.target.host}}), nil
	}
	out.Table = e.table.Namespace + "/" + e.table.Name
	decision := route.Evaluate(e.table, &e.request)
	out.Rows = e.rows(&decision)
	if decision.Route < 0 {
		out.Reached = "404: no route fits"
		return out, nil, nil
	}
	taken := &e.table.Routes[decision.Route]
	out.Route, out.Kind, out.Destinations = taken.Name, taken.Kind, taken.Destinations
	out.Reached = e.to(taken)
	return out, e.next(taken.Destinations), nil
}

// port returns the port that is called: the one asked for, or the first that
// carries HTTP.
func (e *evaluation) port() (uint32, error) {
	s := e.target.service
	if s == nil {
		return e.query.Port, nil
	}
	var known []string
	for _, p := range s.Ports {
		if p.Number == e.query.Port || (e.query.Port == 0 && p.HTTP) {
			return p.Number, nil
		}
		known = append(known, fmt.Sprint(p.Number))
	}
	if e.query.Port == 0 {
		return 0, nil
	}
	if len(known) == 0 {
		known = []string{"none"}
	}
	return 0, fmt.Errorf("there is no port %d at Service %s.%s; it has %s", e.query.Port, s.Name, s.Namespace, join(known, "and"))
}

// withoutTable says where a request goes that no table of ours decides about.
func (e *evaluation) withoutTable(out *Hop, found *inForce) {
	s := e.target.service
	if s == nil {
		out.Reached = "ordinary routing"
		out.Why = fmt.Sprintf("its VirtualService is not exported to namespace %s", e.caller.namespace)
		return
	}
	out.State, out.Code = s.report.State, s.report.Reason
	out.Reached = e.shares([]route.Destination{{Host: e.target.host}})
	if found.users != (diag.Object{}) {
		out.Reached = "where " + found.users.String() + " leads"
	}
	switch {
	case found.hidden:
		out.Why = fmt.Sprintf("the VirtualService that follows overrides is not exported to namespace %s: ordinary routing applies there", e.caller.namespace)
	case s.VersionOf != "":
		out.Why = fmt.Sprintf("it stands for a version of %s, and is called as it is", s.VersionOf)
	case s.report.State == compile.LeftAlone:
		out.Why = fmt.Sprintf("Overrides makes nothing for it, and ordinary routing applies: %s", s.report.Reason.Entry().Meaning)
	default:
		out.Why = "Overrides makes nothing for it, and ordinary routing applies: there is nothing to override"
	}
}

// next is the caller of the hop after this one: the pods that were reached.
func (e *evaluation) next(destinations []route.Destination) *caller {
	if len(destinations) == 0 {
		return nil
	}
	var pods []model.Backend
	namespace := e.target.namespace
	for i := range destinations {
		reached, _ := e.podsOf(&destinations[i])
		pods = append(pods, reached...)
		if s := e.byHost[destinations[i].Host]; s != nil {
			namespace = s.Namespace
		}
	}
	return &caller{name: e.target.name, namespace: namespace, labels: common(pods)}
}

// to says in a few words where a row leads.
func (e *evaluation) to(r *route.Route) string {
	switch {
	case r.Response != nil:
		return fmt.Sprint(r.Response.Status)
	case r.Kind == route.Override && len(r.Destinations) > 0:
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

// shares names what destinations mean, with their shares where there are several.
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

func percent(part, total int64) string {
	return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.1f", 100*float64(part)/float64(total)), "0"), ".")
}

// destination names the versions that d means: "v1", "v1 or v2", or "ratings:v1"
// where it is another Service.
func (e *evaluation) destination(d *route.Destination) string {
	s := e.byHost[d.Host]
	if s == nil {
		return strings.TrimSuffix(d.Host+" "+d.Subset, " ")
	}
	pods, found := e.podsOf(d)
	var versions []string
	for _, v := range versionsOf(s, pods) {
		versions = append(versions, cmp.Or(v, "no version label"))
	}
	text := strings.Join(versions, " or ")
	switch {
	case !found:
		text = "subset " + d.Subset + ", which is not there"
	case len(versions) == 0:
		text = "no pods"
	}
	if s != e.target.service && s.VersionOf != e.target.name {
		return s.Name + ":" + text
	}
	return text
}
