package mesh_test

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// answerer answers questions about one mesh.
type answerer struct {
	mesh   *mesh.Mesh
	ours   *mesh.Ours
	tables []route.Table
	rules  []route.SubsetRule
	order  mesh.Order
	// callers finds the class of each caller.
	callers map[string]*mesh.Class
}

// answer answers one ask. CALLER is NAMESPACE[,LABEL=VALUE…][@REVISION].
//
//	order [reverse] [ours-last]   the assumed ages from here on
//	CALLER PORT AUTHORITY         the object with the callers' routes, and their destinations
//	gateway CALLER LISTENER AUTHORITY   the same at pods of gateways, with the object of each route
//	rule CALLER HOST              the DestinationRules in force, their subsets and policies
//	hash CALLER HOST[|SUBSET|PORT] [own]   the keys of session affinity
//	callers HOST                  the classes of callers
//	lacks PORT DOMAIN             whether a name belongs to a Service without the port
//	contested HOST                the ServiceEntries that have the host too
//	touched HOST                  whether users' objects affect it
//	leading HOST                  the VirtualServices that lead to it
//	orders HOST                   the orders that may decide differently
//	dropped NAMESPACE/NAME        the routes of a VirtualService that delegate to nothing
//	unknown NAMESPACE/NAME        why its routes are not known
func (a *answerer) answer(t *testing.T, line string) []string {
	t.Helper()
	words := strings.Fields(line)
	switch {
	case len(words) == 0:
		return nil
	case words[0] == "order":
		a.order = mesh.Order{Reverse: slices.Contains(words, "reverse"), OursLast: slices.Contains(words, "ours-last")}
		return nil
	case words[0] == "gateway":
		return a.gateway(words[1], words[2], words[3])
	case words[0] == "rule":
		return a.rule(words[1], words[2])
	case words[0] == "hash":
		return a.hash(t, words[1], words[2], len(words) > 3)
	case words[0] == "dropped", words[0] == "unknown":
		return a.dropped(t, words[0], words[1])
	case words[0] == "lacks":
		return []string{fmt.Sprint(a.mesh.LacksPort(words[2], number(t, words[1])))}
	case len(words) == 2:
		return a.host(t, words[0], words[1])
	case len(words) == 3:
		return a.virtualHost(t, words[0], number(t, words[1]), words[2])
	}
	t.Fatalf("ask %q: nothing answers it", line)
	return nil
}

func (a *answerer) host(t *testing.T, what, host string) []string {
	t.Helper()
	x := a.island(host)
	var out []string
	switch what {
	case "callers":
		classes, ok := x.Classes()
		if !ok {
			return []string{"too many"}
		}
		for _, c := range classes {
			out = append(out, c.String())
		}
	case "contested":
		for _, o := range a.mesh.Service(host).Contested {
			out = append(out, o.String())
		}
	case "touched":
		out = append(out, fmt.Sprint(a.mesh.Touched(host)))
	case "leading":
		for _, s := range a.mesh.LeadingTo(host) {
			out = append(out, s.Object.String())
		}
	case "orders":
		for _, o := range x.Orders() {
			out = append(out, fmt.Sprintf("reverse %t, ours last %t", o.Reverse, o.OursLast))
		}
	default:
		t.Fatalf("ask %q: nothing answers it", what)
	}
	if out == nil {
		out = []string{"none"}
	}
	return out
}

func number(t *testing.T, text string) uint32 {
	t.Helper()
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatal(err)
	}
	return uint32(n)
}

func (a *answerer) island(host ...string) *mesh.Island { return a.mesh.Island(host, a.ours, a.order) }

// whole returns the island of all hosts.
func (a *answerer) whole(hosts []string) *mesh.Island {
	for _, s := range a.mesh.Under("*") {
		hosts = append(hosts, s.Host)
	}
	sources := a.mesh.Sources()
	if a.ours != nil {
		sources = slices.Concat(sources, a.ours.Sources())
	}
	for _, s := range sources {
		hosts = append(hosts, s.Hosts...)
	}
	return a.island(hosts...)
}

// caller returns the class of a caller.
func (a *answerer) caller(x *mesh.Island, text string) *mesh.Class {
	if a.callers == nil {
		a.callers = map[string]*mesh.Class{}
	}
	if c := a.callers[text]; c != nil {
		return c
	}
	who, revision, _ := strings.Cut(text, "@")
	namespace, pairs, _ := strings.Cut(who, ",")
	labels := map[string]string{}
	for pair := range strings.SplitSeq(pairs, ",") {
		if key, value, ok := strings.Cut(pair, "="); ok {
			labels[key] = value
		}
	}
	a.callers[text] = x.Class(namespace, revision, labels)
	return a.callers[text]
}

// hostsOf returns the hosts that authority may be a name of, for callers of a namespace:
// of a Service, of a VirtualService, and wildcards of ServiceEntries.
func (a *answerer) hostsOf(namespace, authority string) []string {
	name := strings.TrimSuffix(strings.ToLower(authority), ".")
	_, parent, _ := strings.Cut(name, ".") // of a pod of a headless Service
	out := []string{name}
	for _, name := range []string{name, parent} {
		for _, host := range []string{name + "." + namespace + ".svc.cluster.local", name + ".svc.cluster.local", name + ".cluster.local", name} {
			if a.mesh.Service(host) != nil {
				out = append(out, host)
			}
		}
	}
	var hosts []string
	for _, s := range a.mesh.Entries() {
		hosts = append(hosts, s.Host)
	}
	for _, host := range hosts {
		if suffix, found := strings.CutPrefix(host, "*"); found && strings.HasSuffix(name, suffix) {
			out = append(out, host)
		}
	}
	return out
}

// virtualHost says whose routes callers have for an authority. The decision of the
// objects around the host must be that of all objects.
func (a *answerer) virtualHost(t *testing.T, caller string, port uint32, authority string) []string {
	t.Helper()
	x := a.island("")
	class := a.caller(x, caller)
	hosts := a.hostsOf(class.Namespace, authority)
	out := a.look(a.island(hosts...), class, port, authority)
	if d := cmp.Diff(a.look(a.whole(hosts), class, port, authority), out); d != "" {
		t.Errorf("%s %d %s: the island of %v is too small (-all +got):\n%s", caller, port, authority, hosts, d)
	}
	return out
}

func (a *answerer) look(x *mesh.Island, class *mesh.Class, port uint32, authority string) []string {
	h := mesh.Lookup(x.VirtualHosts(class, port), authority)
	switch {
	case h == nil:
		return []string{"nothing"}
	case h.Source == nil:
		return append([]string{"Service"}, a.routes(x, class, port, h)...)
	case h.Source.Problem != nil:
		return []string{"VirtualService " + h.Source.Namespace + "/" + h.Source.Object.Name, "not known"}
	}
	return append([]string{"VirtualService " + h.Source.Namespace + "/" + h.Source.Object.Name}, a.routes(x, class, port, h)...)
}

func (a *answerer) routes(x *mesh.Island, class *mesh.Class, port uint32, h *mesh.VirtualHost) []string {
	var out []string
	for i := range h.Routes {
		r := &h.Routes[i]
		var to []string
		for j := range r.Destinations {
			to = append(to, a.cluster(x, class, port, &r.Destinations[j]))
		}
		for j := range r.Mirrors {
			to = append(to, "copy "+a.cluster(x, class, port, &r.Mirrors[j]))
		}
		if name := r.HTTP.GetName(); name != "" {
			to = append(to, "("+name+")")
		}
		out = append(out, text(r.Match)+" -> "+strings.Join(to, " "))
	}
	return out
}

// cluster writes a cluster as Istio names it, with "!" if it does not exist.
func (a *answerer) cluster(x *mesh.Island, class *mesh.Class, port uint32, d *route.Destination) string {
	c := x.Cluster(class, port, d)
	out := fmt.Sprintf("%d|%s|%s", c.Port, c.Subset, c.Host)
	if !x.Exists(class, c) {
		out += "!"
	}
	return out
}

// text writes a match in short form; "any" for the match of every request.
func text(m *route.Match) string {
	var parts []string
	one := func(what string, s *route.StringMatch) {
		if s != nil {
			parts = append(parts, fmt.Sprintf("%s %s %s", what, s.Op, s.Value))
		}
	}
	one("path", m.URI)
	one("method", m.Method)
	one("authority", m.Authority)
	one("scheme", m.Scheme)
	for _, f := range []struct {
		what string
		of   route.Matchers
	}{{"header", m.Headers}, {"without", m.WithoutHeaders}, {"query", m.QueryParams}} {
		for i := range f.of {
			one(f.what+" "+f.of[i].Name, &f.of[i].StringMatch)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(m.SourceLabels)) {
		parts = append(parts, "from "+name+"="+m.SourceLabels[name])
	}
	if m.SourceNamespace != "" {
		parts = append(parts, "from namespace "+m.SourceNamespace)
	}
	if m.Port != 0 {
		parts = append(parts, fmt.Sprintf("port %d", m.Port))
	}
	if m.IgnoreURICase {
		parts = append(parts, "any case")
	}
	if len(parts) == 0 {
		return "any"
	}
	return strings.Join(parts, ", ")
}

// gateway says which routes pods of gateways have for an authority on a listener.
func (a *answerer) gateway(caller, listener, authority string) []string {
	x := a.mesh.Gateways(a.ours, a.order)
	c := a.caller(a.island(""), caller)
	class := mesh.GatewayClass(model.GatewayPods{Namespace: c.Namespace, Labels: c.Labels}, c.Revision)
	hosts := x.GatewayHosts(class)
	var on []mesh.VirtualHost
	for i := range hosts {
		if hosts[i].Listener == listener {
			on = append(on, hosts[i].VirtualHost)
		}
	}
	h := mesh.Lookup(on, authority)
	if h == nil {
		return []string{"nothing"}
	}
	out := a.routes(x, class, hosts[0].Port, h)
	for i := range out {
		from := h.Routes[i].From().Object
		out[i] = strings.Replace(out[i], " -> ", " -> "+from.Namespace+"/"+from.Name+" ", 1)
	}
	return out
}

// rule says which rules are in force.
func (a *answerer) rule(caller, host string) []string {
	x := a.island(host)
	r := x.Rule(a.caller(x, caller), host)
	if r == nil {
		return []string{"none"}
	}
	var out []string
	for _, o := range r.Objects() {
		out = append(out, o.String())
	}
	if r.Policy != nil {
		out = append(out, "policy of "+fmt.Sprint(r.Policy.GetConnectionPool().GetHttp().GetMaxRetries())+" retries")
	}
	for _, s := range r.Subsets {
		line := "subset " + s.Name
		for _, key := range slices.Sorted(maps.Keys(s.Labels)) {
			line += " " + key + "=" + s.Labels[key]
		}
		if s.Policy != nil {
			line += " with a policy"
		}
		out = append(out, line)
	}
	return out
}

func (a *answerer) hash(t *testing.T, caller, destination string, own bool) []string {
	t.Helper()
	parts := strings.Split(destination, "|")
	d := &route.Destination{Host: parts[0]}
	if len(parts) > 1 {
		d.Subset, d.Port = parts[1], number(t, parts[2])
	}
	x := a.island(d.Host)
	h := x.Hash(a.caller(x, caller), d, own)
	if h == nil {
		return []string{"none"}
	}
	return []string{"header " + h.GetHttpHeaderName()}
}

func (a *answerer) dropped(t *testing.T, what, name string) []string {
	t.Helper()
	i := slices.IndexFunc(a.mesh.Sources(), func(s *mesh.Source) bool { return s.Namespace+"/"+s.Object.Name == name })
	if i < 0 {
		return []string{"sidecars don't look at it"}
	}
	s := a.mesh.Sources()[i]
	if what == "unknown" {
		return []string{fmt.Sprint(s.Problem)}
	}
	out := []string{}
	for _, d := range s.Dropped {
		line := strings.Join(d.Delegate[:], "/") + " " + d.Why
		if d.Conflict {
			line = strings.Join(d.Delegate[:], "/") + " route " + d.Route + " conflicts"
		}
		out = append(out, line)
	}
	return out
}
