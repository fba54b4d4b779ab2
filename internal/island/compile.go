package island

import (
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Release drops what was compiled, which takes far more memory than the objects. Compile
// brings it back.
func (i *Island) Release() { i.Compiled = Compiled{} }

// Compile compiles an island that was released, with the same result as before, but for what
// [Options.Close] says. No object may have been put or removed since the last update.
func (m *Map) Compile(i *Island) {
	if i.Snapshot == nil {
		m.snapshot(i)
		m.compile(i)
		m.write(i, slices.Collect(maps.Keys(i.Result.Owners())))
		m.diagnose(i)
	}
}

// snapshot makes the snapshot of an island from its objects.
func (m *Map) snapshot(i *Island) {
	objects := &discover.Objects{Cluster: true, Part: true, Sliced: m.slices > 0, GatewaysOfWhole: m.common.gateways}
	namespaces := map[string]bool{}
	for n := range i.group.nodes {
		if n.object.Read != nil {
			objects.Put(n.object.Read)
		}
		namespaces[n.name.Namespace] = true
	}
	for name := range namespaces {
		if n := m.index.nodes[diag.Object{Kind: "Namespace", Name: name}]; n != nil {
			if x, ok := n.object.Read.(*corev1.Namespace); ok {
				objects.Namespaces = append(objects.Namespaces, x)
			}
		}
	}
	i.own, i.found = objects.Snapshot(m.options.Model)
}

func (u *updating) compileAll() {
	for i := range u.due {
		u.changed[i] = struct{}{}
		if i.own == nil {
			u.snapshot(i)
		}
		u.compile(i)
		u.noteExpiry(i)
		set(u.granted, i, slices.ContainsFunc(i.Result.Tables, func(t route.Table) bool { return t.Grants != nil }))
		managed := managedServices(&i.Result)
		u.names.replace(i, i.managed, managed, u.changed)
		i.managed = managed
		u.write(i, slices.Collect(maps.Keys(i.Result.Owners())))
	}
}

// write notes the objects that an island is compiled to.
func (m *Map) write(i *Island, now []diag.Object) {
	for _, o := range i.writes {
		if m.writes[o] == i {
			delete(m.writes, o)
		}
	}
	for _, o := range now {
		m.writes[o] = i
	}
	i.writes = now
}

// compile compiles the snapshot of an island.
func (m *Map) compile(i *Island) {
	_, asks := m.asking[i]
	i.Snapshot = m.common.around(i.own, i.near, asks)
	i.Snapshot.Now = m.now
	m.fit(i)
	if m.options.Close == nil {
		return
	}
	open, found := m.options.Close(i.Snapshot, i.Result.Services)
	if len(open) > 0 {
		i.Snapshot.NotClosed = open
		m.fit(i)
	}
	i.Result.Diagnostics = append(i.Result.Diagnostics, found...)
}

// fit compiles the snapshot of an island, as [generate.Fit] does.
func (m *Map) fit(i *Island) {
	i.Result, _ = generate.Fit(i.Snapshot, func(refused compile.Rejected) compile.Result {
		out := compile.Without(i.Snapshot, refused)
		if writes := m.options.Writes; writes != nil {
			out.Tables = slices.DeleteFunc(out.Tables, func(t route.Table) bool { return !writes(t.Namespace) })
			out.SubsetRules = slices.DeleteFunc(out.SubsetRules, func(s route.SubsetRule) bool { return !writes(s.Namespace) })
		}
		return out
	})
}

// diagnose lists the diagnostics of an island.
func (m *Map) diagnose(i *Island) {
	i.Diagnostics = diag.Sort(slices.Concat(i.found, i.unselected, i.Result.Diagnostics, m.names.about(i)))
}
