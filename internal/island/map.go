package island

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/model"
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
	// writes finds the island that an object is compiled for.
	writes map[diag.Object]*Island
	// asking are the islands whose tables have rows for callers.
	asking map[*Island]struct{}
	// granted are the islands whose tables have rows for live grants.
	granted map[*Island]struct{}
	// expiring are the islands with a version that will expire, as of now.
	expiring map[*Island]struct{}
	now      time.Time
	// slices counts the EndpointSlices.
	slices int
}

// Options are settings of a [Map].
type Options struct {
	Model model.Options
	// Writes reports whether objects of a namespace are written; nil for all. What is not
	// written is not proved with the rest.
	Writes func(namespace string) bool
	// Close says which versions of closed Services are not closed, as [model.Snapshot] has them,
	// and reports on the others; nil if all are.
	Close func(*model.Snapshot, []compile.Service) (map[model.VersionName]bool, []diag.Diagnostic)
}

// Island is objects that are tied together, and what follows from them, until it is
// released.
type Island struct {
	Compiled

	group *group
	share share
	// near is what its Services most likely mean that select nothing, unselected are the
	// diagnostics about its previews.
	near       map[[2]string]*model.Near
	unselected []diag.Diagnostic
	managed    []diag.Object
	writes     []diag.Object
	// expires is when its next version expires; zero for never.
	expires time.Time
}

// Compiled is what follows from the objects of an island. It does not change.
type Compiled struct {
	Snapshot *model.Snapshot
	Result   compile.Result
	// Diagnostics are those of its objects and of Result.
	Diagnostics []diag.Diagnostic

	// own is its snapshot without what is common to all, and found are the diagnostics of it.
	own   *model.Snapshot
	found []diag.Diagnostic
}

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

// NewMap returns an empty one.
func NewMap(options Options) *Map {
	m := &Map{options: options, islands: map[*group]*Island{}, names: names{}, writes: map[diag.Object]*Island{}, advice: newAdvice(), asking: map[*Island]struct{}{}, granted: map[*Island]struct{}{}, expiring: map[*Island]struct{}{}}
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

// SetFilters notes what proxies have the filter of, sorted: see [model.Snapshot].
func (m *Map) SetFilters(filters []diag.Object) { m.common.setFilters(filters) }

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
	u := &updating{Map: m, due: map[*Island]struct{}{}, changed: map[*Island]struct{}{}}
	u.recommon = m.index.commonChanged
	changed, regrouped, gone := m.index.regroup()
	for _, g := range gone {
		u.end(g)
	}
	regranted := m.index.grantsChanged
	switch {
	case u.recommon:
		m.common.read(m)
	case regranted:
		u.regrant()
	}
	m.index.commonChanged, m.index.grantsChanged = false, false
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
	u.expire()
	u.compileAll()
	out := u.update()
	out.Common = u.recommon || regranted
	return out
}

// updating is one call of Update in the making.
type updating struct {
	*Map

	// due are the islands to be compiled, changed those in which anything is different.
	due, changed    map[*Island]struct{}
	gone, regrouped []*Island
	recommon        bool
}

func (u *updating) end(g *group) {
	i := u.islands[g]
	if i == nil {
		return
	}
	delete(u.islands, g)
	u.advice.end(i)
	delete(u.asking, i)
	delete(u.granted, i)
	delete(u.expiring, i)
	u.common.replace(i.share, share{})
	u.names.replace(i, i.managed, nil, u.changed)
	u.write(i, nil)
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

// readIsland reads the objects of an island.
func (u *updating) readIsland(i *Island) {
	if _, done := u.due[i]; done {
		return
	}
	u.snapshot(i)
	before := i.share
	i.share = shareOf(i.own)
	u.common.replace(before, i.share)
	u.due[i] = struct{}{}
	u.advice.read(i, u.index)
	set(u.asking, i, asksCallers(i.own))
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

func set[K comparable](to map[K]struct{}, key K, in bool) {
	if in {
		to[key] = struct{}{}
	} else {
		delete(to, key)
	}
}

// widen has islands compiled that see another cluster beyond themselves now.
func (u *updating) widen() {
	all, callers := u.common.settle()
	if all {
		for _, i := range u.islands {
			u.due[i] = struct{}{}
		}
		return
	}
	if callers {
		for i := range u.asking {
			u.due[i] = struct{}{}
		}
	}
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

func (u *updating) update() Update {
	out := Update{Gone: u.gone, Regrouped: u.regrouped}
	for i := range u.changed {
		if u.islands[i.group] != i {
			continue
		}
		if i.Snapshot == nil {
			u.Compile(i)
		} else {
			u.diagnose(i)
		}
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
