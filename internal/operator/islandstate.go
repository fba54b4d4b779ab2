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

// islandState is what the operator knows of one island, and what it has found out when it
// last looked at it. There is one without an island, for what is in none: diagnostics that
// are about no Service, and what is remembered of objects that are gone.
type islandState struct {
	island   *island.Island
	snapshot *model.Snapshot
	result   compile.Result
	// found are the diagnostics of the objects and of the result.
	objectDiags []diag.Diagnostic
	// seen are the objects of Overrides' own.
	seen map[diag.Object]*apply.Seen
	// gated are the pods whose readiness gate is shut, in namespaces that are managed or left.
	gated    []*discover.Pod
	policies []*v1alpha1.OverridePolicy
	// services are those that Events can be about, of namespaces that are managed or left.
	services map[[2]string]*corev1.Service
	// standings are those of the namespaces that the objects are in.
	modes map[string]namespaceMode
	// since is when the oldest change came that led to this state; zero for none.
	since time.Time

	planned plan.Output
	// refused are the objects that the API server would not take.
	refused []*apply.Refusal
	// diags are those of all steps.
	diags []diag.Diagnostic
	// now is what is so of each Service.
	current []current.Service
	// owners are those of the wanted objects of Overrides' own; nil until one is asked for.
	owners map[diag.Object]string
	// requeueAt is when to look again though nothing changes; zero for never. waits is set
	// where a step that has failed waits for another try.
	requeueAt time.Time
	waits     bool
	// failed is set where there is no plan.
	failed bool
	shown  shown
}

// manages reports whether objects of a namespace are written.
func (p *islandState) manages(namespace string) bool { return p.modes[namespace] == managed }

// leaves reports whether a namespace is not managed any more.
func (p *islandState) cleansUp(namespace string) bool { return p.modes[namespace] == cleaningUp }

// observed lists the objects of Overrides' own in namespaces that are managed or left.
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

// host is the full name of a Service.
func (p *islandState) host(namespace, service string) string {
	return p.snapshot.Options.FQDN(service, namespace)
}

// islands is the cluster as the reconciler sees it: its islands, and what is remembered of
// them. Only the loop uses it.
type islands struct {
	options *Options
	store   *store
	m       *island.Map
	// standings are those of all namespaces with objects; ending are those being deleted.
	modes  map[string]namespaceMode
	states map[*island.Island]*islandState
	// rest is for what is in no island.
	rest *islandState
	// common are the diagnostics about objects that count for all islands.
	common []diag.Diagnostic

	plans  island.Memories[plan.Memory]
	events island.Memories[event.Memory]
}

func newIslands(options *Options, s *store) *islands {
	x := &islands{options: options, store: s, modes: map[string]namespaceMode{}, states: map[*island.Island]*islandState{}}
	x.m = island.NewMap(island.Options{Model: options.Model, Writes: func(n string) bool { return x.modes[n] == managed }})
	x.rest = &islandState{snapshot: &model.Snapshot{Options: options.Model}, modes: x.modes}
	return x
}

// news is what has changed since the last look.
type islandChanges struct {
	changed, gone []*islandState
}

// update takes what has changed from the store.
func (x *islands) update() islandChanges {
	t := x.store.take()
	for i := range t.changes {
		x.put(&t.changes[i])
	}
	u := x.m.Update()
	x.plans.Follow(x.m, &u)
	x.events.Follow(x.m, &u)
	var out islandChanges
	for _, i := range u.Gone {
		out.gone = append(out.gone, x.states[i])
		delete(x.states, i)
	}
	for _, i := range u.Changed {
		out.changed = append(out.changed, x.read(i, t.since))
	}
	if u.Common {
		x.rest.snapshot = x.m.Base()
		x.common = slices.Concat(x.m.Common(), x.options.unreadRevisions(x.rest.snapshot))
		x.m.CommonObjects(func(_ diag.Object, o island.Object) { x.common = append(x.common, itemOf(o).diags...) })
	}
	x.rest.objectDiags = diag.Sort(slices.Concat(t.denied, x.common))
	return out
}

func itemOf(o island.Object) *item { return o.Extra.(*item) }

// put gives the map an object as it is now.
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

// read makes the state of an island that has changed.
func (x *islands) read(i *island.Island, since time.Time) *islandState {
	p := x.states[i]
	if p == nil {
		p = &islandState{island: i}
		x.states[i] = p
	}
	p.snapshot, p.result, p.owners, p.since = i.Snapshot, i.Result, nil, since
	p.seen, p.gated, p.policies = map[diag.Object]*apply.Seen{}, nil, nil
	p.services, p.modes = map[[2]string]*corev1.Service{}, map[string]namespaceMode{}
	p.objectDiags = slices.Clone(i.Diagnostics)
	i.Objects(func(name diag.Object, o island.Object) {
		p.add(name, itemOf(o), x.modes[name.Namespace])
	})
	maps.DeleteFunc(p.services, func(name [2]string, s *corev1.Service) bool {
		return s.DeletionTimestamp != nil || x.store.isTerminatingNamespace(name[0])
	})
	p.objectDiags = diag.Sort(p.objectDiags)
	return p
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

// isEndingNamespace reports whether a namespace is being deleted.
func (s *store) isTerminatingNamespace(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.isTerminating(name)
}

// of returns the state of the island for which an object is there, or may be written; nil
// for none.
func (x *islands) of(object diag.Object) *islandState {
	if i := x.m.Writing(object); i != nil {
		return x.states[i]
	}
	return nil
}

// remembered is what earlier plans remember, told what earlier Events do.
func (x *islands) planMemory(p *islandState) plan.Memory {
	if p.island == nil {
		return x.plans.Rest
	}
	return x.plans.Of[p.island]
}

func (x *islands) eventMemory(p *islandState) event.Memory {
	if p.island == nil {
		return x.events.Rest
	}
	return x.events.Of[p.island]
}

func (x *islands) setPlanMemory(p *islandState, m plan.Memory) {
	if p.island == nil {
		x.plans.Rest = m
	} else {
		x.plans.Of[p.island] = m
	}
}

func (x *islands) setEventMemory(p *islandState, m event.Memory) {
	if p.island == nil {
		x.events.Rest = m
	} else {
		x.events.Of[p.island] = m
	}
}

// forget forgets what may not be so any more when this replica leads again.
func (x *islands) forget() {
	for i := range x.states {
		x.plans.Of[i] = plan.Memory{}
		x.events.Of[i] = x.events.Of[i].Forget()
	}
	x.plans.Rest, x.events.Rest = plan.Memory{}, x.events.Rest.Forget()
}

// all lists all states, and the one of what is in no island.
func (x *islands) all() []*islandState {
	return append(slices.Collect(maps.Values(x.states)), x.rest)
}
