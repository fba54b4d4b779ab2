package operator

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/current"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/event"
	"github.com/overrides-mesh/overrides/internal/island"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// islandState is the state of one island as of the last cycle that included it. One
// islandState has no island: it holds the diagnostics that are not about a Service, and the
// memory of objects that are gone.
type islandState struct {
	island *island.Island
	look

	// gated are the pods with a shut readiness gate in namespaces that are managed or
	// cleaned up.
	gated    []*discover.Pod
	policies []*v1alpha1.OverridePolicy
	// since is the time of the oldest change that led to this state; zero for none.
	since time.Time
	// labelUse counts its Services whose pods have the version label.
	labelUse current.LabelUse
	// requeueAt is when to look at the island again without a change; zero for never. waits
	// is set while a failed step waits for its retry.
	requeueAt time.Time
	waits     bool
	// failed is set if planning has failed.
	failed bool
	shown  shown
}

// look is the part of the state of an island that follows from its objects and its memory.
// It is dropped at the end of a cycle: with it, the islands of a cluster would take twice
// as much memory.
type look struct {
	snapshot *model.Snapshot
	result   compile.Result
	// objectDiags are the diagnostics of the objects and of the result.
	objectDiags []diag.Diagnostic
	// seen are the objects of Overrides.
	seen map[diag.Object]*apply.Seen
	// services are the Services that Events can be about, in namespaces that are managed or
	// cleaned up.
	services map[[2]string]*corev1.Service
	// modes are the modes of the namespaces that hold objects of the island.
	modes map[string]namespaceMode

	planned plan.Output
	// refused are the refused writes.
	refused []*apply.Refusal
	// diags are all diagnostics.
	diags []diag.Diagnostic
	// current is the current state of each Service.
	current []current.Service
	// owners has the Service of each wanted object of Overrides; it is nil until the first
	// use.
	owners map[diag.Object]string
}

// cleansUp reports whether the operator removes its objects from a namespace.
func (p *islandState) cleansUp(namespace string) bool { return p.modes[namespace] == cleaningUp }

// observed lists the objects of Overrides in namespaces that are managed or cleaned up.
func (p *islandState) observed() []plan.Observed {
	out := make([]plan.Observed, 0, len(p.seen))
	for name, seen := range p.seen {
		if p.modes[name.Namespace] != untouched {
			out = append(out, seen.Observed)
		}
	}
	slices.SortFunc(out, func(a, b plan.Observed) int { return a.Compare(b.Object) })
	return out
}

// host returns the full name of a Service.
func (p *islandState) host(namespace, service string) string {
	return p.snapshot.Options.FQDN(service, namespace)
}

// islands holds the islands of the cluster and what is remembered for each of them. Only the
// loop uses it.
type islands struct {
	options *Options
	store   *store
	m       *island.Map
	// modes are the modes of all namespaces with objects.
	modes  map[string]namespaceMode
	states map[*island.Island]*islandState
	// waiting are those that are due without a change: at some time, or again and again.
	waiting map[*islandState]struct{}
	// rest is the state of everything that is in no island.
	rest *islandState
	// common are the diagnostics about objects that concern all islands.
	common []diag.Diagnostic

	plans  island.Memories[plan.Memory]
	events island.Memories[event.Memory]
}

func newIslands(options *Options, s *store) *islands {
	x := &islands{options: options, store: s, modes: map[string]namespaceMode{}, states: map[*island.Island]*islandState{}, waiting: map[*islandState]struct{}{}}
	x.m = island.NewMap(island.Options{Model: options.Model, Writes: func(n string) bool { return x.modes[n] == managed }, Close: x.close})
	x.rest = &islandState{}
	return x
}

// islandChanges are the islands that have changed, and those that are gone, since the last
// update.
type islandChanges struct {
	changed, gone []*islandState
}

// update takes the changes from the store.
func (x *islands) update() islandChanges {
	t := x.store.take()
	for i := range t.changes {
		x.put(&t.changes[i])
	}
	x.m.SetFilters(t.filters)
	x.m.Advance(time.Now())
	u := x.m.Update()
	x.plans.Follow(x.m, &u)
	x.events.Follow(x.m, &u)
	var out islandChanges
	for _, i := range u.Gone {
		out.gone = append(out.gone, x.states[i])
		delete(x.waiting, x.states[i])
		delete(x.states, i)
	}
	for _, i := range u.Changed {
		p := x.state(i)
		p.since, p.look = t.since, look{}
		x.look(p)
		out.changed = append(out.changed, p)
	}
	x.rest.snapshot, x.rest.modes = x.m.Base(), x.modes
	if u.Common {
		x.common = slices.Concat(x.m.Common(), x.options.unreadRevisions(x.rest.snapshot))
		x.m.CommonObjects(func(_ diag.Object, o island.Object) { x.common = append(x.common, itemOf(o).diags...) })
	}
	x.rest.objectDiags = diag.Sort(slices.Concat(t.denied, x.common))
	return out
}

func itemOf(o island.Object) *item { return o.Extra.(*item) }

// put updates the map of islands with the current state of an object.
func (x *islands) put(c *changed) {
	x.modes[c.name.Namespace] = c.mode
	if c.item == nil {
		x.m.Remove(c.name)
		return
	}
	object := island.Object{Extra: c.item}
	_, isName := c.item.Object.(*discover.Meta)
	switch {
	case c.item.seen != nil:
		object = island.Written(&c.item.seen.Observed, c.item.seen.Says, c.item)
	case c.mode == cleaningUp && !x.options.anyNamespace(c.name.Kind):
		object.Ties = []island.Tie{c.name}
		if c.name.Kind == "Service" {
			object.Ties = append(object.Ties, island.HostTie(x.options.Model.FQDN(c.name.Name, c.name.Namespace)))
		}
	case isName:
		object.Ties = []island.Tie{c.name}
	default:
		object.Read = c.item.Object
	}
	if c.equivalent {
		x.m.Replace(c.name, object)
	} else {
		x.m.Put(c.name, object)
	}
}

// state returns the state of an island.
func (x *islands) state(i *island.Island) *islandState {
	p := x.states[i]
	if p == nil {
		p = &islandState{island: i}
		x.states[i] = p
	}
	return p
}

// look reads the objects of an island, unless that was done in this cycle.
func (x *islands) look(p *islandState) {
	if p.snapshot != nil {
		return
	}
	i := p.island
	x.m.Compile(i)
	p.look = look{
		snapshot: i.Snapshot, result: i.Result, objectDiags: slices.Clone(i.Diagnostics),
		seen: map[diag.Object]*apply.Seen{}, services: map[[2]string]*corev1.Service{}, modes: map[string]namespaceMode{},
	}
	p.gated, p.policies = nil, nil
	i.Objects(func(name diag.Object, o island.Object) {
		p.add(name, itemOf(o), x.modes[name.Namespace])
	})
	maps.DeleteFunc(p.services, func(name [2]string, s *corev1.Service) bool {
		return s.DeletionTimestamp != nil || x.store.isTerminatingNamespace(name[0])
	})
	p.objectDiags = diag.Sort(p.objectDiags)
}

// isLive reports whether p is the state of an island that exists.
func (x *islands) isLive(p *islandState) bool { return p.island != nil && x.states[p.island] == p }

// settle ends the look at an island.
func (x *islands) settle(p *islandState) {
	p.look = look{}
	if p.island != nil {
		p.island.Release()
	}
	if p.waits || !p.requeueAt.IsZero() {
		x.waiting[p] = struct{}{}
	} else {
		delete(x.waiting, p)
	}
}

func (p *islandState) add(name diag.Object, x *item, in namespaceMode) {
	p.modes[name.Namespace] = in
	p.objectDiags = append(p.objectDiags, x.diags...)
	if x.seen != nil {
		p.seen[name] = x.seen
	}
	switch object := x.Object.(type) {
	case *discover.Pod:
		if x.gated {
			p.gated = append(p.gated, object)
		}
	case *corev1.Service:
		p.services[[2]string{object.Namespace, object.Name}] = object
	case *v1alpha1.OverridePolicy:
		p.policies = append(p.policies, object)
	}
}

// isTerminatingNamespace reports whether a namespace is being deleted.
func (s *store) isTerminatingNamespace(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isTerminating(name)
}

// of returns the state of the island that an object belongs to, or that may write it; nil
// for none.
func (x *islands) of(object diag.Object) *islandState {
	if i := x.m.Writing(object); i != nil {
		return x.states[i]
	}
	return nil
}

// forget drops what may be wrong if this replica becomes the leader again.
func (x *islands) forget() {
	for _, p := range x.all() {
		x.plans.Set(p.island, plan.Memory{})
		x.events.Set(p.island, x.events.Get(p.island).Forget())
	}
}

// all lists the states of all islands, and rest.
func (x *islands) all() []*islandState {
	return append(slices.Collect(maps.Values(x.states)), x.rest)
}
