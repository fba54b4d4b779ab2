package prove

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// doors finds the ways to the pods of every Service that has previews, and reports each
// one that is not pinned, with its callers.
func (c *checker) doors(result *compile.Result) {
	c.indexEntrances()
	for i := range result.Services {
		s := &result.Services[i]
		of := c.service(s.Host)
		if len(s.Previews) == 0 || of == nil {
			continue
		}
		f := &doorFinder{checker: c, service: s, of: of, result: result}
		f.sidecars()
		f.subsets()
		f.outside()
		f.ports()
		f.say()
	}
}

// doorFinder finds the doors of one Service.
type doorFinder struct {
	*checker
	service *compile.Service
	of      *model.Service
	result  *compile.Result
	// found are the doors through sidecars.
	found []foundDoor
}

// foundDoor is a door with the namespaces of the callers that are not pinned.
type foundDoor struct {
	compile.Door
	namespaces map[string]bool
	// unknown is a VirtualService that decides for some of them, and whose routes are not
	// known.
	unknown string
}

// open records that callers of a class are not pinned.
func (d *foundDoor) open(class *mesh.Class) {
	if d.namespaces == nil {
		d.namespaces = map[string]bool{}
	}
	maps.Copy(d.namespaces, placesOf(class))
}

// at returns a door in found, and adds it if necessary.
func (f *doorFinder) at(d compile.Door) *foundDoor {
	at := slices.IndexFunc(f.found, func(x foundDoor) bool { return x.Door == d })
	if at < 0 {
		at = len(f.found)
		f.found = append(f.found, foundDoor{Door: d})
	}
	return &f.found[at]
}

func (f *doorFinder) add(d compile.Door) { f.service.Doors = append(f.service.Doors, d) }

// holds reports whether a preview has all of labels.
func (f *doorFinder) holds(labels map[string]string) bool {
	return model.FirstWithLabels(f.service.Previews, labels) != nil
}

// sidecars checks the routes of ordinary requests through sidecars, for every host that
// leads to the Service.
func (f *doorFinder) sidecars() {
	hosts := []string{f.service.Host}
	for _, s := range f.mesh.LeadingTo(f.service.Host) {
		for _, h := range s.Hosts {
			if !slices.Contains(hosts, h) {
				hosts = append(hosts, h)
			}
		}
	}
	f.at(compile.Door{Kind: compile.DoorSidecars, Name: f.service.Host})
	if len(hosts) == 1 && !f.mesh.Touched(f.service.Host) && len(f.mesh.UserRules(f.service.Host)) == 0 && tablesArePublic(f.mesh, f.ours, f.service.Host) {
		f.look(f.with(hosts, mesh.Order{}), f.mesh.AnyCaller())
		return
	}
	for _, order := range f.with(hosts, mesh.Order{}).Orders() {
		x := f.with(hosts, order)
		classes, _ := x.Classes()
		for _, class := range classes {
			f.look(x, class)
		}
	}
}

// tablesArePublic reports whether all callers see the objects of Overrides for a host.
func tablesArePublic(m *mesh.Mesh, ours *mesh.Ours, host string) bool {
	for _, s := range ours.For(host) {
		if !s.Public() || s.Revision != "" {
			return false
		}
	}
	for _, r := range ours.Rules(host) {
		if !m.RuleScope(r).Public || r.Revision != "" {
			return false
		}
	}
	return true
}

// look records what callers of a class reach.
func (f *doorFinder) look(x *mesh.Island, class *mesh.Class) {
	for _, port := range x.Ports() {
		hosts := x.VirtualHosts(class, port)
		for i := range hosts {
			for _, kind := range []request{plain, others} {
				f.lookAt(x, class, port, &hosts[i], kind)
			}
		}
	}
}

func (f *doorFinder) lookAt(x *mesh.Island, class *mesh.Class, port uint32, h *mesh.VirtualHost, kind request) {
	own := h.Service != nil && h.Service.Host == f.service.Host
	if own && h.Source != nil && h.Source.Problem != nil {
		found := f.at(compile.Door{Kind: compile.DoorSidecars, Name: f.service.Host})
		found.unknown = h.Source.Object.String()
		found.open(class)
		return
	}
	for i := range h.Routes {
		r := &h.Routes[i]
		if _, fits := f.meets(r, kind); !fits {
			continue
		}
		for _, d := range r.Destinations {
			if d.Weight == 0 && len(r.Destinations) > 1 {
				continue
			}
			door := compile.Door{Kind: compile.DoorRoute, Name: h.Domains[0]}
			if own {
				door = compile.Door{Kind: compile.DoorSidecars, Name: f.service.Host}
			}
			f.reach(x, class, port, door, d)
		}
		for _, d := range r.Mirrors {
			f.reach(x, class, port, compile.Door{Kind: compile.DoorMirror, Name: h.Domains[0]}, d)
		}
		if mesh.CatchesAll(r.Match) {
			break
		}
	}
}

// reach records whether a destination has previews, for callers of a class.
func (f *doorFinder) reach(x *mesh.Island, class *mesh.Class, port uint32, door compile.Door, d route.Destination) {
	to := x.Cluster(class, port, &d)
	if to.Host != f.service.Host || !x.Exists(class, to) {
		return
	}
	found := f.at(door)
	labels := map[string]string(nil)
	if to.Subset != "" {
		subset, _ := x.Rule(class, to.Host).Subset(to.Subset)
		labels = subset.Labels
	}
	if !f.holds(labels) {
		return
	}
	if to.Subset != "" && !f.isOurs(to.Subset) {
		found = f.at(compile.Door{Kind: compile.DoorSubset, Name: to.Subset})
	}
	found.open(class)
}

// isOurs reports whether Overrides makes a subset of the Service.
func (f *doorFinder) isOurs(subset string) bool {
	for _, r := range f.ours.Rules(f.service.Host) {
		for _, s := range r.Subsets {
			if s.Name == subset {
				return true
			}
		}
	}
	return false
}

// subsets turns the findings into doors, and reports them.
func (f *doorFinder) subsets() {
	slices.SortFunc(f.found, func(a, b foundDoor) int {
		return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	for _, d := range f.found {
		door := d.Door
		if from := callersIn(f.snapshot, f.service, d.namespaces); len(from) > 0 {
			door.Callers, door.Unknown = where(from), d.unknown
		} else {
			door.Pinned = true
		}
		f.add(door)
	}
}

// outside lists the doors other than callers' sidecars.
func (f *doorFinder) outside() {
	for _, e := range f.entrances[f.service.Host] {
		f.add(f.entrance(e))
	}
	for _, way := range f.of.Reachable {
		f.add(compile.Door{Kind: compile.DoorExposed, Name: way})
	}
	for _, e := range f.selecting[f.of.Namespace] {
		if f.holds(e.Spec.GetWorkloadSelector().GetLabels()) {
			f.add(compile.Door{Kind: compile.DoorServiceEntry, Name: e.Object().String()})
		}
	}
	if f.noSidecar != "" {
		f.add(compile.Door{Kind: compile.DoorNoSidecar, Name: f.noSidecar})
	}
}

func few(names []string) string {
	const most = 3
	if len(names) > most {
		return strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	}
	return strings.Join(names, ", ")
}

// ports lists the ports on which not all traffic is pinned.
func (f *doorFinder) ports() {
	for _, p := range f.of.Ports {
		switch {
		case !p.HTTP:
			f.add(compile.Door{Kind: compile.DoorOtherPort, Name: fmt.Sprint(p.Number)})
		case p.Detected:
			f.add(compile.Door{Kind: compile.DoorDetectedPort, Name: fmt.Sprint(p.Number)})
		}
	}
}

// indexEntrances indexes the doors other than sidecars: the Services that gateways,
// Ingresses and routes on gateways lead to, the ServiceEntries that select pods, and
// callers without a sidecar.
func (c *checker) indexEntrances() {
	c.entrances, c.selecting = map[string][]entrance{}, map[string][]*model.ServiceEntry{}
	for i := range c.snapshot.ServiceEntries {
		if e := &c.snapshot.ServiceEntries[i]; len(e.Spec.GetWorkloadSelector().GetLabels()) > 0 {
			c.selecting[e.Namespace] = append(c.selecting[e.Namespace], e)
		}
	}
	var without []string
	for _, caller := range c.snapshot.Callers {
		if caller.NoSidecar {
			without = append(without, caller.Namespace+"/"+caller.Name)
		}
	}
	slices.Sort(without)
	c.noSidecar = few(slices.Compact(without))
	c.indexGateways()
}
