package prove

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"google.golang.org/protobuf/proto"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// State is the input from a cluster or manifests, and the objects made from it that have
// passed the proof.
type State struct {
	Snapshot *model.Snapshot
	Result   *compile.Result
}

// Difference describes how ordinary traffic changes from one state to another.
type Difference struct {
	Compared CountedHosts `json:"compared"`
	// Changes are sorted by Service and host; none if ordinary traffic does not change.
	Changes []Change `json:"changes"`
	// Opened are the doors other than sidecars through which ordinary requests reach
	// previews after the step, and not before it.
	Opened []Opened `json:"opened"`
	// NotCompared are the objects that differ and have routes for gateways, TCP or TLS,
	// which are not compared.
	NotCompared []diag.Object `json:"notCompared"`
	// Relabelled are the workloads whose pods differ in labels that no route uses.
	Relabelled []Relabelled `json:"relabelled,omitempty"`
}

// CountedHosts counts the comparisons of two states.
type CountedHosts struct {
	Hosts   int `json:"hosts"`
	Callers int `json:"callers"`
	Domains int `json:"names"`
	Routes  int `json:"routes"`
}

// Change is one difference for ordinary requests to a host.
type Change struct {
	// Service is the Service of the host; the zero Object if it is not a Service's.
	Service diag.Object `json:"service,omitzero"`
	Host    string      `json:"host"`
	// Change describes the difference.
	Change string `json:"change"`
	// Callers are the classes of callers it is for; none for all callers.
	Callers []string `json:"callers,omitempty"`
	// Domains and Ports are those that these callers call, sorted; none if the change is
	// not about single names.
	Domains []string `json:"names,omitempty"`
	Ports   []uint32 `json:"ports,omitempty"`
}

// Opened is a door of a Service.
type Opened struct {
	Service diag.Object  `json:"service"`
	Door    compile.Door `json:"door"`
}

// Changes compares two states: the routes of ordinary requests of every class of callers,
// by every name of a Service or VirtualService in either state. Each state is compared
// twice. Without the objects of Overrides, the routes must be the same, with all fields
// that users wrote, and so must the policies of their destinations. With these objects,
// they must reach the same workloads, with the same labels. So a new or deleted preview
// changes nothing if ordinary requests are pinned, and a newly released version does. The
// states have the same options, and are not changed.
func Changes(before, after State) Difference {
	used := usedLabels(before, after)
	c := &comparison{
		requests: requests{after.Snapshot.Options.Header}, before: newSide(before, used), after: newSide(after, used),
		found: map[finding]*place{},
	}
	for _, host := range c.hosts() {
		c.compared.Hosts++
		c.host(host)
	}
	return Difference{
		Compared: c.compared, Changes: c.changes(), Opened: opened(before, after), NotCompared: notComparable(before, after),
		Relabelled: relabelled(c.before, c.after),
	}
}

// side is one state, indexed.
type side struct {
	State
	mesh *mesh.Mesh
	ours *mesh.Ours
	// services and entries are by host.
	services map[string]*model.Service
	entries  map[string]*model.ServiceEntry
	results  map[string]*compile.Service
	// texts are workloads and labels as text, many of which are needed repeatedly.
	texts map[*model.Backend][2]string
	// used are the labels on which routes may depend, in either state.
	used map[string]bool
}

func newSide(state State, used map[string]bool) *side {
	s := &side{
		State: state, mesh: mesh.New(state.Snapshot),
		services: map[string]*model.Service{}, entries: map[string]*model.ServiceEntry{}, results: map[string]*compile.Service{},
		texts: map[*model.Backend][2]string{}, used: used,
	}
	s.ours = s.mesh.Ours(state.Result.Tables, state.Result.SubsetRules)
	for i := range state.Snapshot.Services {
		k := &state.Snapshot.Services[i]
		s.services[s.mesh.FQDN(k.Name, k.Namespace)] = k
	}
	for i := range state.Snapshot.ServiceEntries {
		e := &state.Snapshot.ServiceEntries[i]
		for _, host := range e.Spec.GetHosts() {
			if host = strings.ToLower(host); s.entries[host] == nil {
				s.entries[host] = e
			}
		}
	}
	for i := range state.Result.Services {
		s.results[state.Result.Services[i].Host] = &state.Result.Services[i]
	}
	return s
}

// alike reports whether all callers get the same by the names of a Service.
func (s *side) alike(host string) bool {
	return !s.mesh.Touched(host) && len(s.mesh.UserRules(host)) == 0 && tablesArePublic(s.mesh, s.ours, host)
}

// comparison compares two states.
type comparison struct {
	requests
	before, after *side
	compared      CountedHosts
	found         map[finding]*place
}

// finding is a difference, and the host that it is about.
type finding struct{ host, change string }

// place says for which names and callers there is a difference.
type place struct {
	// everyone is set if the difference does not depend on callers.
	everyone bool
	callers  map[string]bool
	domains  map[string]bool
	ports    map[uint32]bool
}

// at returns the place of a finding, to add to it.
func at(in map[finding]*place, f finding) *place {
	if in[f] == nil {
		in[f] = &place{callers: map[string]bool{}, domains: map[string]bool{}, ports: map[uint32]bool{}}
	}
	return in[f]
}

// say records a difference that does not depend on callers.
func (c *comparison) say(host, format string, args ...any) {
	at(c.found, finding{host, fmt.Sprintf(format, args...)}).everyone = true
}

// hosts lists the hosts of all Services, ServiceEntries and VirtualServices of both
// states.
func (c *comparison) hosts() []string {
	out := map[string]bool{}
	for _, s := range []*side{c.before, c.after} {
		for host := range s.services {
			out[host] = true
		}
		for _, e := range s.mesh.Entries() {
			out[e.Host] = true
		}
		for _, v := range s.mesh.Sources() {
			for _, host := range v.Hosts {
				out[host] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(out))
}

// host compares the objects of a host. An isolated version of a Service is not an
// ordinary Service: its changes count if ordinary routes lead there.
func (c *comparison) host(host string) {
	b, a := c.before.services[host], c.after.services[host]
	switch isolated := func(s *model.Service) bool { return s == nil || s.VersionOf != "" }; {
	case b == nil && a == nil:
	case isolated(b) && isolated(a):
		return
	case b == nil:
		c.say(host, "it would be new")
		return
	case a == nil:
		c.say(host, "it would be gone")
		return
	case b.ExternalName != a.ExternalName:
		c.say(host, "it would be an alias of another host: %s instead of %s", cmp.Or(a.ExternalName, "none"), cmp.Or(b.ExternalName, "none"))
	default:
		c.otherPorts(host, b, a)
	}
	c.names(host)
}

// otherPorts compares the ports that don't carry HTTP, where nothing is pinned: a preview
// gets its share there, which is reported as a door.
func (c *comparison) otherPorts(host string, before, after *model.Service) {
	numbers := map[uint32]bool{}
	for _, p := range slices.Concat(before.Ports, after.Ports) {
		numbers[p.Number] = true
	}
	shared := false
	for _, n := range slices.Sorted(maps.Keys(numbers)) {
		was, is := carries(before, n), carries(after, n)
		switch {
		case was != is:
			c.say(host, "port %d would carry %s instead of %s", n, is, was)
		case was == other:
			shared = true
		}
	}
	if !shared {
		return
	}
	if why := moved(c.before.released(host, before), c.after.released(host, after)); why != "" {
		c.say(host, "connections that don't carry HTTP would %s", why)
	}
}

// protocol is the protocol of a port, to the extent that routes depend on it.
type protocol string

const (
	nothing protocol = "nothing"
	http    protocol = "HTTP"
	other   protocol = "a protocol other than HTTP"
)

func carries(s *model.Service, number uint32) protocol {
	for _, p := range s.Ports {
		switch {
		case p.Number != number:
		case p.HTTP:
			return http
		default:
			return other
		}
	}
	return nothing
}

// changes lists the findings.
func (c *comparison) changes() []Change {
	out := make([]Change, 0, len(c.found))
	for f, w := range c.found {
		change := Change{Host: f.host, Change: f.change, Domains: slices.Sorted(maps.Keys(w.domains)), Ports: slices.Sorted(maps.Keys(w.ports))}
		if !w.everyone {
			change.Callers = slices.Sorted(maps.Keys(w.callers))
		}
		for _, s := range []*side{c.before, c.after} {
			if service := s.services[f.host]; service != nil {
				change.Service = service.Object()
			}
		}
		out = append(out, change)
	}
	slices.SortFunc(out, func(a, b Change) int {
		return cmp.Or(a.Service.Compare(b.Service), cmp.Compare(a.Host, b.Host), cmp.Compare(a.Change, b.Change))
	})
	return out
}

// opened lists the doors other than sidecars that are not pinned in after, and did not
// exist or were pinned in before.
func opened(before, after State) []Opened {
	open := map[Opened]bool{}
	list := func(s State) []Opened {
		var out []Opened
		for i := range s.Result.Services {
			service := &s.Result.Services[i]
			for _, d := range service.Doors {
				switch d.Kind {
				case compile.DoorSidecars, compile.DoorRoute, compile.DoorMirror, compile.DoorSubset:
					continue // compared for each class of callers
				case compile.DoorServiceEntry, compile.DoorGateway, compile.DoorEntrance, compile.DoorExposed,
					compile.DoorNoSidecar, compile.DoorDetectedPort, compile.DoorOtherPort:
				}
				if !d.Pinned {
					out = append(out, Opened{diag.Object{Kind: "Service", Namespace: service.Namespace, Name: service.Name}, d})
				}
			}
		}
		return out
	}
	for _, d := range list(before) {
		open[d] = true
	}
	return slices.DeleteFunc(list(after), func(d Opened) bool { return open[d] })
}

// notComparable lists VirtualServices that differ and have routes that the model of the
// mesh does not describe.
func notComparable(before, after State) []diag.Object {
	all := map[diag.Object][2]*model.VirtualService{}
	for i, s := range []State{before, after} {
		for j := range s.Snapshot.VirtualServices {
			v := &s.Snapshot.VirtualServices[j]
			both := all[v.Object()]
			both[i] = v
			all[v.Object()] = both
		}
	}
	var out []diag.Object
	for object, v := range all {
		if notDescribed(v[0]) || notDescribed(v[1]) {
			if v[0] == nil || v[1] == nil || !proto.Equal(v[0].Spec, v[1].Spec) {
				out = append(out, object)
			}
		}
	}
	slices.SortFunc(out, diag.Object.Compare)
	return out
}

func notDescribed(v *model.VirtualService) bool {
	return v != nil && (mesh.BoundToGateways(v.Spec.GetGateways()) || len(v.Spec.GetTcp()) > 0 || len(v.Spec.GetTls()) > 0)
}
