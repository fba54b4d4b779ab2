package island

import (
	"slices"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Map is the objects of a cluster, as islands that are compiled. It is not safe for
// concurrent use.
type Map struct {
	options Options
	index   *index
	islands map[*group]*Island
	common  common
	names   names
	advice  advice
	// asking are the islands whose tables have rows for callers.
	asking map[*Island]struct{}
	// slices counts the EndpointSlices.
	slices int
}

// Options are settings of a [Map].
type Options struct {
	Model model.Options
	// Writes reports whether objects of a namespace are written; nil for all. What is not
	// written is not proved with the rest.
	Writes func(namespace string) bool
}

// Island is objects that are tied together, and what follows from them. Nothing in it is
// changed, but for the fields themselves, by [Map.Update].
type Island struct {
	Snapshot *model.Snapshot
	Result   compile.Result
	// Diagnostics are those of its objects and of Result.
	Diagnostics []diag.Diagnostic

	group *group
	// own is its snapshot without what is common to all, and found are the diagnostics of it.
	own   *model.Snapshot
	found []diag.Diagnostic
	// near is what its Services most likely mean that select nothing, unselected are the
	// diagnostics about its previews.
	near       map[[2]string]*model.Near
	unselected []diag.Diagnostic
	// ambiguous are diagnostics about names that Services of other islands have too.
	ambiguous []diag.Diagnostic
	managed   []string
}

// NewMap returns an empty one.
func NewMap(options Options) *Map {
	m := &Map{options: options, islands: map[*group]*Island{}, names: names{}, advice: newAdvice(), asking: map[*Island]struct{}{}}
	m.index = newIndex(&m.options.Model)
	m.common.init()
	m.index.commonChanged = true // nothing was read yet
	return m
}

// Put adds an object, in the place of the one of its name.
func (m *Map) Put(name diag.Object, object Object) {
	if old := m.index.nodes[name]; old != nil {
		m.count(old.object, -1)
	}
	m.count(object, 1)
	m.index.put(name, object)
}

// Remove takes an object out.
func (m *Map) Remove(name diag.Object) {
	if old := m.index.nodes[name]; old != nil {
		m.count(old.object, -1)
		m.index.remove(name)
	}
}

// Replace puts an object in the place of one of its name that decides the same.
func (m *Map) Replace(name diag.Object, object Object) {
	if n := m.index.nodes[name]; n != nil {
		n.object = object
	}
}

func (m *Map) count(object Object, n int) {
	if _, is := object.Read.(*discover.EndpointSlice); !is {
		return
	}
	if m.slices += n; m.slices == 0 || m.slices == 1 && n == 1 {
		m.index.commonChanged = true // whether EndpointSlices say what is ready
	}
}

// Objects calls a function with each object of an island, in no order.
func (i *Island) Objects(each func(diag.Object, Object)) {
	for n := range i.group.nodes {
		each(n.name, n.object)
	}
}

// WithTie returns the island of the objects with a tie; nil for none.
func (m *Map) WithTie(t Tie) *Island {
	for _, n := range m.index.byTie[t] {
		if n.group != nil {
			return m.islands[n.group]
		}
	}
	return nil
}

// Common are the diagnostics about objects that count for all islands.
func (m *Map) Common() []diag.Diagnostic { return m.common.found }

// CommonObjects calls a function with each object that counts for all islands, in no order.
func (m *Map) CommonObjects(each func(diag.Object, Object)) {
	for n := range m.index.common {
		each(n.name, n.object)
	}
}

// Base is the snapshot of those objects.
func (m *Map) Base() *model.Snapshot { return m.common.base }

// All calls a function with every island, in no order.
func (m *Map) All(each func(*Island)) {
	for _, i := range m.islands {
		each(i)
	}
}

// Update is what has become of the islands.
type Update struct {
	// Changed are those of which something is different, or that are new. Gone are those
	// that are no more, since nothing is left of them, or since their objects are in others now.
	Changed, Gone []*Island
	// Regrouped are those of Changed that have other objects than before, or other ties.
	Regrouped []*Island
	// Common is set where objects changed that count for all islands.
	Common bool
}

// Update finds the islands in which something has changed since the last call, and compiles
// them.
func (m *Map) Update() Update {
	u := &updating{Map: m, compile: map[*Island]struct{}{}, changed: map[*Island]struct{}{}}
	u.recommon = m.index.commonChanged
	changed, regrouped, gone := m.index.regroup()
	for _, g := range gone {
		u.end(g)
	}
	if u.recommon {
		m.common.read(m)
		m.index.commonChanged = false
	}
	for _, g := range changed {
		u.read(g)
	}
	for _, g := range regrouped {
		u.read(g)
		u.regrouped = append(u.regrouped, m.islands[g])
	}
	if u.recommon {
		for _, i := range m.islands {
			u.readIsland(i)
		}
	}
	u.advise()
	u.widen()
	u.compileAll()
	return u.update()
}

// updating is one call of Update in the making.
type updating struct {
	*Map

	// compile are the islands to be compiled, changed those in which anything is different.
	compile, changed map[*Island]struct{}
	gone, regrouped  []*Island
	recommon         bool
}

func (u *updating) end(g *group) {
	i := u.islands[g]
	if i == nil {
		return
	}
	delete(u.islands, g)
	u.advice.end(i)
	delete(u.asking, i)
	u.common.replace(i.own, nil)
	u.names.replace(i, i.managed, nil, u.changed)
	u.gone = append(u.gone, i)
}

func (u *updating) read(g *group) {
	i := u.islands[g]
	if i == nil {
		i = &Island{group: g}
		u.islands[g] = i
	}
	u.readIsland(i)
}

// readIsland makes the snapshot of an island from its objects.
func (u *updating) readIsland(i *Island) {
	if _, done := u.compile[i]; done {
		return
	}
	objects := &discover.Objects{Cluster: true, Part: true, Sliced: u.slices > 0}
	namespaces := map[string]bool{}
	for n := range i.group.nodes {
		if n.object.Read != nil {
			objects.Put(n.object.Read)
		}
		namespaces[n.name.Namespace] = true
	}
	for name := range namespaces {
		if n := u.index.nodes[diag.Object{Kind: "Namespace", Name: name}]; n != nil {
			if x, ok := n.object.Read.(*corev1.Namespace); ok {
				objects.Namespaces = append(objects.Namespaces, x)
			}
		}
	}
	before := i.own
	i.own, i.found = objects.Snapshot(u.options.Model)
	u.common.replace(before, i.own)
	u.compile[i] = struct{}{}
	u.advice.read(i, u.index)
	set(u.asking, i, asksCallers(i.own))
}

func set[K comparable](to map[K]struct{}, key K, in bool) {
	if in {
		to[key] = struct{}{}
	} else {
		delete(to, key)
	}
}

// asksCallers reports whether any setting of a snapshot asks for rows for callers.
func asksCallers(s *model.Snapshot) bool {
	return slices.ContainsFunc(s.Services, func(s model.Service) bool { return len(s.Settings.Conditions) > 0 }) ||
		slices.ContainsFunc(s.Policies, func(p model.Policy) bool { return len(p.Settings.Conditions) > 0 })
}

// widen has islands compiled that see another cluster beyond themselves now.
func (u *updating) widen() {
	all, callers := u.common.settle()
	if all {
		for _, i := range u.islands {
			u.compile[i] = struct{}{}
		}
		return
	}
	if callers {
		for i := range u.asking {
			u.compile[i] = struct{}{}
		}
	}
}

func (u *updating) compileAll() {
	for i := range u.compile {
		u.changed[i] = struct{}{}
		_, asks := u.asking[i]
		i.Snapshot = u.common.around(i.own, i.near, asks)
		i.Result, _ = prove.Made(i.Snapshot, func(refused compile.Rejected) compile.Result {
			out := compile.Without(i.Snapshot, refused)
			if writes := u.options.Writes; writes != nil {
				out.Tables = slices.DeleteFunc(out.Tables, func(t route.Table) bool { return !writes(t.Namespace) })
				out.SubsetRules = slices.DeleteFunc(out.SubsetRules, func(s route.SubsetRule) bool { return !writes(s.Namespace) })
			}
			return out
		})
		managed := managedNames(&i.Result)
		u.names.replace(i, i.managed, managed, u.changed)
		i.managed = managed
	}
}

func (u *updating) update() Update {
	out := Update{Gone: u.gone, Regrouped: u.regrouped, Common: u.recommon}
	for i := range u.changed {
		if u.islands[i.group] != i {
			continue
		}
		i.ambiguous = u.names.about(i)
		i.Diagnostics = diag.Sort(slices.Concat(i.found, i.unselected, i.Result.Diagnostics, i.ambiguous))
		out.Changed = append(out.Changed, i)
	}
	slices.SortFunc(out.Changed, compareIslands)
	slices.SortFunc(out.Regrouped, compareIslands)
	return out
}

// compareIslands orders islands by the first Service or object of each.
func compareIslands(a, b *Island) int {
	return a.first().Compare(b.first())
}

func (i *Island) first() diag.Object {
	if i.own != nil && len(i.own.Services) > 0 {
		return i.own.Services[0].Object()
	}
	var out diag.Object
	for n := range i.group.nodes {
		if out == (diag.Object{}) || n.name.Compare(out) < 0 {
			out = n.name
		}
	}
	return out
}
