package island

import (
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// common is what every island sees of the cluster beyond its own objects:
//
//	namespaces, their revisions, the mesh configuration, Sidecars   from objects
//	rules and ServiceEntries for hosts under a wildcard             from objects
//	the namespaces that callers may be in, and the callers          from all islands
type common struct {
	// base is the snapshot of the objects, and found are its diagnostics.
	base  *model.Snapshot
	found []diag.Diagnostic
	// callers and namespaces count the islands that have each.
	callers    map[model.Caller]int
	namespaces map[string]int
	moved      bool

	// allCallers and allNamespaces are those that there are, bare the callers without a
	// sidecar.
	allCallers, bare []model.Caller
	allNamespaces    []string
}

func (c *common) init() {
	c.base, c.callers, c.namespaces = &model.Snapshot{}, map[model.Caller]int{}, map[string]int{}
	c.moved = true
}

// read makes the snapshot of the objects that count for all islands.
func (c *common) read(m *Map) {
	objects := &discover.Objects{Cluster: true, Part: true, Sliced: m.slices > 0}
	for n := range m.index.common {
		if n.object.Read != nil {
			objects.Put(n.object.Read)
		}
	}
	before := c.base
	c.base, c.found = objects.Snapshot(m.options.Model)
	c.replaceNamespaces(before, c.base)
}

// replace notes the callers and namespaces of an island.
func (c *common) replace(before, after *model.Snapshot) {
	c.replaceNamespaces(before, after)
	if before != nil && after != nil && slices.Equal(before.Callers, after.Callers) {
		return
	}
	c.moved = count(c.callers, callersOf(after), 1) || c.moved
	c.moved = count(c.callers, callersOf(before), -1) || c.moved
}

func (c *common) replaceNamespaces(before, after *model.Snapshot) {
	c.moved = count(c.namespaces, namespacesOf(after), 1) || c.moved
	c.moved = count(c.namespaces, namespacesOf(before), -1) || c.moved
}

func callersOf(s *model.Snapshot) []model.Caller {
	if s == nil {
		return nil
	}
	return s.Callers
}

func namespacesOf(s *model.Snapshot) []string {
	if s == nil {
		return nil
	}
	return s.Namespaces
}

// count adds n to the count of each key. It reports whether a key came or went.
func count[K comparable](counts map[K]int, keys []K, n int) bool {
	moved := false
	for _, key := range keys {
		was := counts[key]
		if counts[key] = was + n; was+n == 0 {
			delete(counts, key)
		}
		moved = moved || was == 0 || was+n == 0
	}
	return moved
}

// settle brings the lists up to date. It reports whether what matters to every island has
// changed, and whether other callers may be asked for.
func (c *common) settle() (all, callers bool) {
	if !c.moved {
		return false, false
	}
	c.moved = false
	namespaces := slices.Sorted(maps.Keys(c.namespaces))
	list := discover.CompactCallers(slices.Collect(maps.Keys(c.callers)))
	bare := withoutSidecar(list)
	all = !slices.Equal(namespaces, c.allNamespaces) || !slices.Equal(bare, c.bare)
	callers = !slices.Equal(list, c.allCallers)
	c.allNamespaces, c.allCallers, c.bare = namespaces, list, bare
	return all, callers
}

// withoutSidecar lists the callers without a sidecar, at which ordinary traffic is not kept
// from previews of any Service.
func withoutSidecar(callers []model.Caller) []model.Caller {
	return slices.DeleteFunc(slices.Clone(callers), func(c model.Caller) bool { return !c.NoSidecar })
}

// around returns the snapshot of an island with what it sees of the rest of the cluster. Of
// the callers of others it sees those without a sidecar, unless it has rows for callers.
func (c *common) around(own *model.Snapshot, near map[[2]string]*model.Near, asks bool) *model.Snapshot {
	out := *own
	if len(near) > 0 {
		out.Services = slices.Clone(own.Services)
		for i := range out.Services {
			out.Services[i].Near = near[[2]string{out.Services[i].Namespace, out.Services[i].Name}]
		}
	}
	b := c.base
	out.Options, out.Mesh = b.Options, b.Mesh
	out.Namespaces, out.AllNamespaces, out.Callers = c.allNamespaces, b.AllNamespaces, c.bare
	if asks {
		out.Callers = c.allCallers
	}
	out.Revisions, out.Tags, out.Sidecars = b.Revisions, b.Tags, b.Sidecars
	out.DestinationRules = merged(own.DestinationRules, b.DestinationRules, func(x, y model.DestinationRule) int { return x.Object().Compare(y.Object()) })
	out.ServiceEntries = merged(own.ServiceEntries, b.ServiceEntries, func(x, y model.ServiceEntry) int { return x.Object().Compare(y.Object()) })
	out.Foreign = merged(own.Foreign, b.Foreign, diag.Object.Compare)
	return &out
}

// merged returns two sorted lists as one.
func merged[T any](own, base []T, compare func(a, b T) int) []T {
	if len(base) == 0 {
		return own
	}
	out := slices.Concat(own, base)
	slices.SortFunc(out, compare)
	return out
}
