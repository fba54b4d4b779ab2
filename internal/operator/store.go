package operator

import (
	"maps"
	"reflect"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// store holds the part of the cluster that can affect the output.
type store struct {
	options *Options
	// changed gets a value when there is a change.
	changed chan struct{}
	// entriesChanged gets a value when something changes that policies of gateways depend on.
	entriesChanged chan struct{}
	// grantsChanged gets a value when something changes that grants depend on.
	grantsChanged chan struct{}

	mu    sync.Mutex
	items map[diag.Object]*item
	// pending are the objects that have changed since the last take; replaced are those with
	// a new but equivalent state.
	pending, replaced map[diag.Object]bool
	// deleted are the UIDs of objects of Overrides that an informer has reported as deleted
	// since the last take, so that the late response to a write does not bring them back.
	deleted map[types.UID]bool
	// slices counts the EndpointSlices. If there are any, they decide which pods are ready.
	slices int
	// denied are the kinds that the operator may not list, with their diagnostics.
	denied map[string]diag.Diagnostic
	namespaces
	// policies counts the policies of gateways and the objects that were written for them.
	policies int
	// filters names what proxies have the filter of.
	filters    []diag.Object
	closures   closures
	entryIndex entryIndex
	// since is the time of the first change since the last take.
	since time.Time
}

func newStore(options *Options) *store {
	return &store{
		options: options, changed: make(chan struct{}, 1), entriesChanged: make(chan struct{}, 1), grantsChanged: make(chan struct{}, 1),
		items: map[diag.Object]*item{}, pending: map[diag.Object]bool{}, replaced: map[diag.Object]bool{},
		deleted: map[types.UID]bool{}, denied: map[string]diag.Diagnostic{}, namespaces: newNamespaces(options), closures: newClosures(), entryIndex: newEntryIndex(),
	}
}

// put stores the state of an object. It ignores a state of an object of Overrides that is
// older than the last write.
func (s *store) put(name diag.Object, next *item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.items[name]
	if old != nil && older(next.seen, old.seen) {
		return
	}
	// Also replace an equivalent state: the informer holds next, so old can be freed.
	s.set(name, next)
	s.notifyEntries(name, next)
	s.notifyGrants(name)
	if isEntryOnly(name.Kind) {
		return
	}
	if old == nil || !equivalent(old, next) && !s.equivalentPods(old, next) {
		s.touch(name)
	} else {
		s.replaced[name] = true
	}
}

// set replaces an object; nil removes it.
func (s *store) set(name diag.Object, next *item) {
	old := s.items[name]
	s.count(name, old, -1)
	s.count(name, next, 1)
	s.entryIndex.set(name, old, next)
	if name.Kind == "EndpointSlice" {
		if old != nil {
			s.slices--
		}
		if next != nil {
			s.slices++
		}
	}
	if isOfEntry(name.Kind) {
		if old != nil {
			s.policies--
		}
		if next != nil {
			s.policies++
		}
	}
	if next == nil {
		delete(s.items, name)
		return
	}
	s.items[name] = next
}

// equivalentPods reports whether two states of a pod have the same effect. While there are
// EndpointSlices, the pod's own readiness has none. If the EndpointSlices go, that is a
// change of its own.
func (s *store) equivalentPods(old, next *item) bool {
	a, isPod := old.Object.(*discover.Pod)
	b, _ := next.Object.(*discover.Pod)
	if !isPod || b == nil || old.gated != next.gated {
		return false
	}
	if !a.Live && !b.Live {
		return true
	}
	same := *a
	same.Ready = b.Ready
	return s.slices > 0 && reflect.DeepEqual(&same, b)
}

// remove removes an object that was deleted.
func (s *store) remove(name diag.Object, last *item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last != nil && last.seen != nil {
		s.deleted[last.GetUID()] = true
	}
	old := s.items[name]
	if old == nil || (last != nil && old.GetUID() != last.GetUID()) {
		return
	}
	s.notifyEntries(name, old)
	s.set(name, nil)
	s.notifyGrants(name)
	if isEntryOnly(name.Kind) {
		return
	}
	s.pending[name] = true
	if pod, isPod := old.Object.(*discover.Pod); !isPod || pod.Live || old.gated {
		s.touch(name)
	}
}

// wrote stores the result of a write of an object of Overrides, before an informer reports
// it. The state was on before the write, and is after after it; nil if there is no object.
// The informer may have reported this state, or even a later one, already.
func (s *store) wrote(name diag.Object, on, after *apply.Seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.items[name]
	switch {
	case after == nil && old != nil && on != nil && old.GetUID() == on.UID:
		s.set(name, nil)
		s.pend(name)
	case after == nil || s.deleted[after.UID] || old.isAtLeast(after):
	default:
		meta := &discover.Meta{Namespace: name.Namespace, Name: name.Name, UID: after.UID}
		s.set(name, &item{Object: meta, version: after.ResourceVersion, byVersion: true, seen: after})
		s.pend(name)
	}
}

// pend notes that the operator has changed an object.
func (s *store) pend(name diag.Object) {
	if !isEntryOnly(name.Kind) {
		s.pending[name] = true
	}
}

// isAtLeast reports whether x is the written object in this state or a later one.
func (x *item) isAtLeast(after *apply.Seen) bool {
	return x != nil && x.GetUID() == after.UID && (x.version == after.ResourceVersion || before(after.ResourceVersion, x.version))
}

// forgetKind removes all objects of a kind.
func (s *store) forgetKind(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.items {
		if name.Kind == kind {
			s.notifyEntries(name, s.items[name])
			s.set(name, nil)
			s.pend(name)
			s.notifyGrants(name)
		}
	}
	s.wakeLocked()
}

// deny records that a kind may not be listed, and reports whether this is new.
func (s *store) deny(kind string, d diag.Diagnostic) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.denied[kind]
	if s.denied[kind] = d; !known {
		s.wakeLocked()
	}
	return !known
}

// permit records that a kind may be listed.
func (s *store) permit(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.denied, kind)
}

// wake requests a cycle, for example after a kind without objects was installed.
func (s *store) wake() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.wakeLocked()
}

func (s *store) wakeLocked() {
	if s.since.IsZero() {
		s.since = time.Now()
	}
	s.notify()
}

// touch records that an object has changed.
func (s *store) touch(name diag.Object) {
	s.pending[name] = true
	s.wakeLocked()
}

// notify signals a change to the loop.
func (s *store) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// older reports whether a is an earlier state of the object b.
func older(a, b *apply.Seen) bool {
	return a != nil && b != nil && a.UID == b.UID && before(a.ResourceVersion, b.ResourceVersion)
}

// before reports whether one resource version of an object is earlier than another.
func before(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

// equivalent reports whether two states of an object have the same effect. Objects of
// Istio's types are compared by their versions, because a deep comparison is expensive.
func equivalent(a, b *item) bool {
	if a.seen != nil && b.seen != nil {
		return a.seen.UID == b.seen.UID && a.seen.ResourceVersion == b.seen.ResourceVersion
	}
	if p, is := a.Object.(*v1alpha1.GatewayOverridePolicy); is {
		q, same := b.Object.(*v1alpha1.GatewayOverridePolicy)
		return same && p.UID == q.UID && reflect.DeepEqual(p.Spec, q.Spec) // its status affects no route
	}
	if g, is := a.Object.(*v1alpha1.OverrideGrant); is {
		h, same := b.Object.(*v1alpha1.OverrideGrant)
		return same && g.UID == h.UID && discover.SameGrant(g, h)
	}
	if !a.byVersion && !b.byVersion {
		return a.gated == b.gated && reflect.DeepEqual(a.Object, b.Object)
	}
	return a.version == b.version && a.GetUID() == b.GetUID()
}

// taken is the result of [store.take].
type taken struct {
	changes []changed
	// denied are the diagnostics about kinds that may not be listed.
	denied []diag.Diagnostic
	// filters names what proxies have the filter of.
	filters []diag.Object
	// since is the time of the oldest change; zero for none.
	since time.Time
}

// changed is the current state of an object that has changed.
type changed struct {
	name diag.Object
	// item is nil if the object is gone, or has no effect in its namespace.
	item *item
	// mode is the mode of its namespace; equivalent is set if its effect is unchanged.
	mode       namespaceMode
	equivalent bool
}

// take returns the changes since the last call. The objects must not be changed.
func (s *store) take() taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := taken{since: s.since, filters: s.filters}
	s.since = time.Time{}
	clear(s.deleted)
	for namespace := range s.recompute() {
		for name := range s.items {
			if name.Namespace == namespace {
				s.pend(name)
			}
		}
	}
	for name := range s.pending {
		delete(s.replaced, name)
		out.changes = append(out.changes, s.change(name, false))
	}
	for name := range s.replaced {
		out.changes = append(out.changes, s.change(name, true))
	}
	s.pending, s.replaced = map[diag.Object]bool{}, map[diag.Object]bool{}
	for _, kind := range slices.Sorted(maps.Keys(s.denied)) {
		out.denied = append(out.denied, s.denied[kind])
	}
	return out
}

func (s *store) change(name diag.Object, equivalent bool) changed {
	out := changed{name: name, item: s.items[name], mode: s.mode(name.Namespace), equivalent: equivalent}
	s.modes[name.Namespace] = out.mode
	if out.item != nil && !s.matters(&out) {
		out.item = nil
	}
	return out
}

// matters reports whether an object has an effect in its namespace:
//
//	objects of Overrides                 in all namespaces
//	kinds that matter anywhere           in all namespaces
//	other objects                        in managed namespaces
//	Services, and pods with a shut gate  in namespaces that are cleaned up, too
func (s *store) matters(c *changed) bool {
	_, isService := c.item.Object.(*corev1.Service)
	return c.item.seen != nil || s.options.anyNamespace(c.name.Kind) || c.mode == managed || c.mode == cleaningUp && (isService || c.item.gated)
}

// objectsIn returns the objects of a managed namespace, nil for one that is not managed. The
// objects must not be changed.
func (s *store) objectsIn(namespace string) *discover.Objects {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mode(namespace) != managed {
		return nil
	}
	out := &discover.Objects{Cluster: true}
	for name, x := range s.items {
		switch {
		case name.Namespace != namespace:
		case x.seen == nil:
			out.Put(x.Object)
		case x.seen.Says != nil:
			out.Put(x.seen.Says)
		}
	}
	return out
}

// anyNamespace reports whether objects of a kind matter in all namespaces.
func (o *Options) anyNamespace(name string) bool {
	return slices.ContainsFunc(kinds, func(k kind) bool { return k.ObjectKind() == name && k.anyNamespace() })
}
