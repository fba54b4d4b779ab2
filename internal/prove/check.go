package prove

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Report is the result of a proof.
type Report struct {
	Compared Compared `json:"compared"`
	// Failures are sorted; none if ordinary traffic does not change.
	Failures []Failure `json:"failures"`
	// Refused are the failures of objects that are not made because of them, or made for
	// fewer callers; sorted. Only [Compile] and [Made] set them.
	Refused []Failure `json:"refused"`
	// Split are the pins that divide requests with a hash policy of the user.
	Split []Split `json:"split,omitempty"`
}

// Compared counts the comparisons of a proof.
type Compared struct {
	// Tables and Rules count the objects of Overrides, Callers the classes of callers of
	// each table, Domains the names on a port for each of these, and Routes their routes.
	Tables  int `json:"virtualServices"`
	Rules   int `json:"destinationRules"`
	Callers int `json:"callers"`
	Domains int `json:"names"`
	Routes  int `json:"routes"`
}

// Failure is one difference that an object of Overrides would make.
type Failure struct {
	Object diag.Object `json:"object"`
	// Callers describes the callers, and Namespaces are their namespaces, including
	// [mesh.Elsewhere] if they may be in any.
	Callers    string   `json:"callers"`
	Namespaces []string `json:"namespaces"`
	// Port and Domain say which name is called; zero and empty for rules.
	Port   uint32 `json:"port,omitempty"`
	Domain string `json:"domain,omitempty"`
	// Change describes the difference.
	Change string `json:"change"`
}

// String returns the failure as a sentence without a full stop.
func (f Failure) String() string {
	if f.Domain == "" {
		return fmt.Sprintf("%s: %s", f.Callers, f.Change)
	}
	return fmt.Sprintf("%s, to %s on port %d: %s", f.Callers, f.Domain, f.Port, f.Change)
}

func (f Failure) compare(g Failure) int {
	return cmp.Or(f.Object.Compare(g.Object), cmp.Compare(f.Port, g.Port), cmp.Compare(f.Domain, g.Domain), cmp.Compare(f.Callers, g.Callers), cmp.Compare(f.Change, g.Change))
}

// sorted sorts failures, and drops repetitions.
func sorted(in []Failure) []Failure {
	slices.SortFunc(in, Failure.compare)
	return slices.CompactFunc(in, func(f, g Failure) bool { return f.compare(g) == 0 })
}

// Split is a Service whose pin has several parts, one of which a proxy chooses for each
// request, although a DestinationRule has a hash policy.
type Split struct {
	Host string `json:"host"`
	Rule string `json:"rule"`
}

// checker is the state of one proof.
type checker struct {
	requests
	snapshot *model.Snapshot
	mesh     *mesh.Mesh
	ours     *mesh.Ours
	// unreleased are the pods of a host that ordinary requests must not reach.
	unreleased map[string][]model.Backend
	// pinStays has the hosts at which a pin is correct although there are no such pods:
	// pods that come later must not get ordinary requests.
	pinStays map[string]bool
	split    map[Split]bool
	// islands are those of single hosts, which are needed for their table, their rule and
	// their doors.
	islands map[islandKey]*mesh.Island
	// fields are the fields in which two routes of users differ.
	fields map[[2]*istioapi.HTTPRoute]string
	// entrances are the doors other than sidecars, by host; selecting are the
	// ServiceEntries with a selector, by namespace; noSidecar names callers.
	entrances map[string][]entrance
	selecting map[string][]*model.ServiceEntry
	noSidecar string
	// atGateways are the routes that ordinary requests take at gateways, by the host that
	// they lead to.
	atGateways map[string][]gatewayRoute
	// views are what gateway pods have with the objects of Overrides.
	views  []gatewayView
	report Report
}

// Check proves that the tables and rules of a result change nothing for ordinary requests
// except for the pin. It does not change its arguments.
func Check(snapshot *model.Snapshot, result *compile.Result) Report {
	return check(snapshot, mesh.New(snapshot), result).report
}

// check is [Check] with the mesh of snapshot, and returns the checker.
func check(snapshot *model.Snapshot, users *mesh.Mesh, result *compile.Result) *checker {
	c := &checker{
		snapshot: snapshot, mesh: users, requests: requests{snapshot.Options.Header}, split: map[Split]bool{}, pinStays: map[string]bool{}, fields: map[[2]*istioapi.HTTPRoute]string{},
		unreleased: make(map[string][]model.Backend, len(result.Services)), islands: make(map[islandKey]*mesh.Island, 2*len(result.Tables)),
	}
	c.ours = c.mesh.Ours(result.Tables, result.SubsetRules)
	for i := range result.Services {
		if result.Services[i].PinStays {
			c.pinStays[result.Services[i].Host] = true
		}
		c.unreleased[result.Services[i].Host] = result.Services[i].Unreleased
	}
	for _, s := range c.ours.Sources() {
		c.table(s)
	}
	c.gateways()
	c.httpRoutes()
	for i := range result.SubsetRules {
		c.rule(&result.SubsetRules[i])
	}
	c.report.Compared.Tables, c.report.Compared.Rules = len(result.Tables), len(result.SubsetRules)
	c.report.Failures = sorted(c.report.Failures)
	c.report.Split = slices.SortedFunc(maps.Keys(c.split), func(a, b Split) int {
		return cmp.Or(cmp.Compare(a.Host, b.Host), cmp.Compare(a.Rule, b.Rule))
	})
	return c
}

// pair is the mesh without the objects of Overrides and with them, for callers of one
// class.
type pair struct {
	*checker
	before, after *mesh.Island
	class         *mesh.Class
	port          uint32
	object        diag.Object
}

// fail records a change for a domain: for the table that would have the domain, or else
// for each table that may cause the change.
func (p *pair) fail(domain string, now *mesh.VirtualHost, format string, args ...any) {
	objects := []diag.Object{p.object}
	switch {
	case domain == "":
	case now != nil && now.Source != nil && now.Source.Ours():
		objects = []diag.Object{now.Source.Object}
	default:
		for _, s := range p.after.Sources() {
			if s.Ours() && s.Object != p.object {
				objects = append(objects, s.Object)
			}
		}
	}
	for _, object := range objects {
		p.report.Failures = append(p.report.Failures, Failure{
			Object: object, Callers: p.class.String(), Namespaces: namespacesOf(p.class),
			Port: p.port, Domain: domain, Change: fmt.Sprintf(format, args...),
		})
	}
}

func namespacesOf(c *mesh.Class) []string {
	if c.Namespace == mesh.Elsewhere {
		return append([]string{mesh.Elsewhere}, c.Namespaces...)
	}
	return c.Namespaces
}

// pairs calls look for every possible order of objects and every class of callers of
// hosts.
func (c *checker) pairs(object diag.Object, hosts []string, look func(*pair)) {
	if c.plain(object, hosts) {
		p := &pair{checker: c, object: object, class: c.mesh.AnyCaller()}
		p.before, p.after = c.without(hosts, mesh.Order{}), c.with(hosts, mesh.Order{})
		c.report.Compared.Callers++
		look(p)
		return
	}
	for i, order := range c.with(hosts, mesh.Order{}).Orders() {
		p := &pair{checker: c, object: object, before: c.without(hosts, order), after: c.with(hosts, order)}
		classes, ok := p.after.Classes()
		if !ok {
			p.class = p.after.Class(mesh.Elsewhere, "", nil)
			p.fail("", nil, "labels tell more than %d classes of callers apart, too many to compare", mesh.MaxLabels)
			return
		}
		for _, class := range classes {
			p.class = class
			if i == 0 {
				c.report.Compared.Callers++
			}
			look(p)
		}
	}
}

// without returns the island of hosts without the objects of Overrides.
func (c *checker) without(hosts []string, order mesh.Order) *mesh.Island {
	return c.island(hosts, nil, order)
}

// with returns the island of hosts with the objects of Overrides.
func (c *checker) with(hosts []string, order mesh.Order) *mesh.Island {
	return c.island(hosts, c.ours, order)
}

type islandKey struct {
	host  string
	ours  bool
	order mesh.Order
}

func (c *checker) island(hosts []string, ours *mesh.Ours, order mesh.Order) *mesh.Island {
	if len(hosts) != 1 {
		return c.mesh.Island(hosts, ours, order)
	}
	key := islandKey{hosts[0], ours != nil, order}
	x := c.islands[key]
	if x == nil {
		x = c.mesh.Island(hosts, ours, order)
		c.islands[key] = x
	}
	return x
}

// service returns the Kubernetes Service of a host; nil if there is none.
func (c *checker) service(host string) *model.Service {
	if s := c.mesh.Service(host); s != nil {
		return s.Kubernetes
	}
	return nil
}

// plain reports whether no object of users decides about hosts, and all callers see the
// objects of Overrides: then all callers are alike, and there is only one order.
func (c *checker) plain(object diag.Object, hosts []string) bool {
	if len(hosts) != 1 || c.mesh.Touched(hosts[0]) || len(c.mesh.UserRules(hosts[0])) > 0 {
		return false
	}
	for _, s := range c.ours.For(hosts[0]) {
		if !s.Public() || s.Object != object && object.Kind == s.Object.Kind || s.Revision != "" || s.LeadsElsewhere(hosts[0]) {
			return false
		}
	}
	for _, r := range c.ours.Rules(hosts[0]) {
		if !c.mesh.RuleScope(r).Public || r.Revision != "" {
			return false
		}
	}
	return len(c.ours.Rules(hosts[0])) <= 1
}

// table proves one table: every domain that its hosts have for some caller keeps its
// routes.
func (c *checker) table(s *mesh.Source) {
	c.pairs(s.Object, c.withBeside(s.Hosts), func(p *pair) {
		for _, port := range p.after.Ports() {
			p.port = port
			p.domains()
		}
	})
}

// withBeside returns hosts, and the other hosts of users' VirtualServices for them that
// are not Services: these have routes on the ports of the Services as long as the
// VirtualService still routes one of them.
func (c *checker) withBeside(hosts []string) []string {
	if len(hosts) == 1 && !c.mesh.Touched(hosts[0]) {
		return hosts
	}
	out := slices.Clone(hosts)
	for _, s := range c.without(hosts, mesh.Order{}).Sources() {
		for _, h := range s.Hosts {
			if c.mesh.Service(h) == nil && !strings.HasPrefix(h, "*") && !slices.Contains(out, h) {
				out = append(out, h)
			}
		}
	}
	return out
}

// domains compares the routes of callers for every domain on a port.
func (p *pair) domains() {
	before, after := p.before.VirtualHosts(p.class, p.port), p.after.VirtualHosts(p.class, p.port)
	type hosts struct{ before, after *mesh.VirtualHost }
	done := map[hosts]bool{}
	for _, h := range slices.Concat(before, after) {
		for _, domain := range h.Domains {
			x := hosts{mesh.Lookup(before, domain), mesh.Lookup(after, domain)}
			p.report.Compared.Domains++
			if !done[x] {
				done[x] = true
				p.virtualHosts(domain, x.before, x.after)
			}
		}
	}
}

// virtualHosts compares the routes of callers for a domain.
func (p *pair) virtualHosts(domain string, before, after *mesh.VirtualHost) {
	switch {
	case before == nil && after == nil:
	case before == nil && after.Service == nil && p.mesh.LacksPort(domain, p.port):
		// This is a name of a Service on a port that it does not have. Istiod has the
		// table's routes there on port 80, but no listener receives such requests.
	case before == nil:
		p.fail(domain, after, "requests have no route now, and would take %s", describe(after))
	case after == nil:
		p.fail(domain, after, "requests take %s now, and would have no route", describe(before))
	case after.Source != nil && after.Source.Ours():
		p.routes(domain, before, after)
	case before.Source != nil && before.Source.Problem != nil:
		if after.Source == nil || after.Source.User != before.Source.User {
			p.fail(domain, after, "requests take %s now, and would take %s", describe(before), describe(after))
		}
	default:
		// This is not a table: routes of the same objects are the same, but their
		// destinations may no longer exist.
		p.routes(domain, before, after)
	}
}

func describe(h *mesh.VirtualHost) string {
	switch {
	case h.Source == nil:
		return "the own route of Service " + h.Service.Host
	case h.Source.Ours():
		return "the table " + h.Source.Object.String()
	}
	return "the routes of " + h.Source.Object.String()
}

// destinationsOf lists the destinations and mirrors of a route.
func destinationsOf(r *mesh.Route) []route.Destination {
	return slices.Concat(r.Destinations, r.Mirrors)
}
