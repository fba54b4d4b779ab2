package island

import (
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
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
