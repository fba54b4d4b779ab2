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

// Report is the outcome of a proof.
type Report struct {
	Compared Compared `json:"compared"`
	// Failures are sorted; none where ordinary traffic stays as it is.
	Failures []Failure `json:"failures"`
	// Refused are the failures of objects that are not made because of them, or are made
	// for fewer callers; sorted. Only [Compile] and [Made] have them.
	Refused []Failure `json:"refused"`
	// Split are the pins that divide requests which a user wants to keep together.
	Split []Split `json:"split,omitempty"`
}

// Compared counts what a proof looked at.
type Compared struct {
	// Tables and Rules are our objects, Callers the classes of callers of each table,
	// Domains the names on a port for each of these, and Routes what those lead to.
	Tables  int `json:"virtualServices"`
	Rules   int `json:"destinationRules"`
	Callers int `json:"callers"`
	Domains int `json:"names"`
	Routes  int `json:"routes"`
}

// Failure is one difference that an object of ours would make.
type Failure struct {
	Object diag.Object `json:"object"`
	// Callers says for whom it is, Namespaces where they are, [mesh.Elsewhere] among
	// them if that may be anywhere.
	Callers    string   `json:"callers"`
	Namespaces []string `json:"namespaces"`
	// Port and Domain say by which name; zero and empty for rules.
	Port   uint32 `json:"port,omitempty"`
	Domain string `json:"domain,omitempty"`
	// Change says what would be different.
	Change string `json:"change"`
}

// String returns the failure as a sentence without its end.
func (f Failure) String() string {
	if f.Domain == "" {
		return fmt.Sprintf("%s: %s", f.Callers, f.Change)
	}
	return fmt.Sprintf("%s, by %s on port %d: %s", f.Callers, f.Domain, f.Port, f.Change)
}

func (f Failure) compare(g Failure) int {
	return cmp.Or(f.Object.Compare(g.Object), cmp.Compare(f.Port, g.Port), cmp.Compare(f.Domain, g.Domain), cmp.Compare(f.Callers, g.Callers), cmp.Compare(f.Change, g.Change))
}

// sorted sorts failures, and drops repetitions.
func sorted(in []Failure) []Failure {
	slices.SortFunc(in, Failure.compare)
	return slices.CompactFunc(in, func(f, g Failure) bool { return f.compare(g) == 0 })
}

// Split is a Service whose pin has several parts, of which a proxy draws one for each
// request, though a DestinationRule asks for requests to be kept together.
type Split struct {
	Host string `json:"host"`
	Rule string `json:"rule"`
}

// checker is one proof.
type checker struct {
	requests
	snapshot *model.Snapshot
	mesh     *mesh.Mesh
	ours     *mesh.Ours
	// unreleased are the pods of a host that ordinary requests are to be kept from.
	unreleased map[string][]model.Backend
	// pinStays has the hosts at which a pin is right though nothing is to be kept from
	// ordinary requests: pods that come later are not to have these.
	pinStays map[string]bool
	split    map[Split]bool
	// islands are those of single hosts, which are asked for by their table, their rule and
	// their doors.
	islands map[islandKey]*mesh.Island
	// fields are those in which two routes of users were found to differ.
	fields map[[2]*istioapi.HTTPRoute]string
	// entrances are the doors beside sidecars by host, selecting the ServiceEntries with a
	// selector by namespace, and noSidecar names callers.
	entrances map[string][]compile.Door
	selecting map[string][]*model.ServiceEntry
	noSidecar string
	report    Report
}

// Check proves that the tables and rules of a result change nothing for ordinary
// requests but for the pin. Nothing that it is given is changed.
func Check(snapshot *model.Snapshot, result *compile.Result) Report {
	return check(snapshot, mesh.New(snapshot), result).report
}

// check is Check with the mesh of snapshot, and returns all that was looked at for it.
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

// pair is the mesh without our objects and with them, for callers of one class.
type pair struct {
	*checker
	before, after *mesh.Island
	class         *mesh.Class
	port          uint32
	object        diag.Object
}

// fail notes what would change by a domain: for the table that would have it then, else
// for each one that may have to do with it.
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

// pairs calls look for every order of objects that there may be and every class of
// callers of hosts.
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
			p.fail("", nil, "more than %d kinds of callers are told apart by labels, too many to look at", mesh.MaxLabels)
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

// without returns what decides about hosts without our objects.
func (c *checker) without(hosts []string, order mesh.Order) *mesh.Island {
	return c.island(hosts, nil, order)
}

// with returns what decides about hosts with our objects.
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

// service returns the Kubernetes Service of a host; nil for none.
func (c *checker) service(host string) *model.Service {
	if s := c.mesh.Service(host); s != nil {
		return s.Kubernetes
	}
	return nil
}

// plain reports whether nothing of users decides about hosts, and what is ours is seen by
// all: then all callers are alike, and there is only one order.
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

// table proves one table: every domain that its hosts have for some caller gets what it
// has without our objects.
func (c *checker) table(s *mesh.Source) {
	c.pairs(s.Object, c.withBeside(s.Hosts), func(p *pair) {
		for _, port := range p.after.Ports() {
			p.port = port
			p.domains()
		}
	})
}

// withBeside returns hosts, and those beside them in VirtualServices of users that are no
// Services: these have routes on the ports of the Services, as long as one is left to the
// VirtualService.
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

// domains compares what callers get by every domain on a port.
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

// virtualHosts compares what callers get by a domain.
func (p *pair) virtualHosts(domain string, before, after *mesh.VirtualHost) {
	switch {
	case before == nil && after == nil:
	case before == nil && after.Service == nil && p.mesh.LacksPort(domain, p.port):
		// A name of a Service on a port that it does not have: istiod has our routes there
		// on port 80, but nothing listens that requests were sent to.
	case before == nil:
		p.fail(domain, after, "there is nothing, and would be %s", describe(after))
	case after == nil:
		p.fail(domain, after, "there is %s, and would be nothing", describe(before))
	case after.Source != nil && after.Source.Ours():
		p.routes(domain, before, after)
	case before.Source != nil && before.Source.Problem != nil:
		if after.Source == nil || after.Source.User != before.Source.User {
			p.fail(domain, after, "there is %s, and would be %s", describe(before), describe(after))
		}
	default:
		// Not ours: routes of the same objects are the same, but what they lead to
		// may not be there any more.
		p.routes(domain, before, after)
	}
}

func describe(h *mesh.VirtualHost) string {
	switch {
	case h.Source == nil:
		return "Service " + h.Service.Host + " as it is"
	case h.Source.Ours():
		return "the table " + h.Source.Object.String()
	}
	return h.Source.Object.String()
}

// destinationsOf lists where a route leads and copies requests to.
func destinationsOf(r *mesh.Route) []route.Destination {
	return slices.Concat(r.Destinations, r.Mirrors)
}
