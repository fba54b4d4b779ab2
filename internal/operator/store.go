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

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// store is what the cluster holds, as far as it decides anything.
type store struct {
	options *Options
	// changed gets a value when there is something new.
	changed chan struct{}

	mu    sync.Mutex
	items map[diag.Object]*item
	// pending are the objects that have changed since the last take; replaced are those of
	// which there is another copy that decides the same.
	pending, replaced map[diag.Object]bool
	// deleted are objects of Overrides' own whose end an informer has reported since the last
	// take, so that a late answer to a write does not bring them back.
	deleted map[types.UID]bool
	// slices counts the EndpointSlices, which say which pods are ready where there are any.
	slices int
	// denied are the kinds that may not be listed, each with its diagnostic.
	denied map[string]diag.Diagnostic
	namespaces
	// since is when the first change came that was not taken yet.
	since time.Time
}

func newStore(options *Options) *store {
	return &store{
		options: options, changed: make(chan struct{}, 1), items: map[diag.Object]*item{}, pending: map[diag.Object]bool{}, replaced: map[diag.Object]bool{},
		deleted: map[types.UID]bool{}, denied: map[string]diag.Diagnostic{}, namespaces: newNamespaces(options),
	}
}

// put notes an object. One of ours that is older than what was written since is
// not news.
func (s *store) put(name diag.Object, next *item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.items[name]
	if old != nil && older(next.seen, old.seen) {
		return
	}
	// Also of equal states the one that the informer holds: one copy is enough.
	s.set(name, next)
	if old == nil || !equivalent(old, next) && !s.equivalentPods(old, next) {
		s.touch(name)
	} else {
		s.replaced[name] = true
	}
}

// set puts an object into its place; nil removes it.
func (s *store) set(name diag.Object, next *item) {
	old := s.items[name]
	s.namespaces.count(name, old, -1)
	s.namespaces.count(name, next, 1)
	if name.Kind == "EndpointSlice" {
		if old != nil {
			s.slices--
		}
		if next != nil {
			s.slices++
		}
	}
	if next == nil {
		delete(s.items, name)
		return
	}
	s.items[name] = next
}

// alike reports whether two states of a pod decide the same: that it says itself
// whether it is ready matters to nobody where EndpointSlices do. Should these go, that
// is a change of its own.
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

// remove notes that an object is gone.
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
	s.set(name, nil)
	s.pending[name] = true
	if pod, isPod := old.Object.(*discover.Pod); !isPod || pod.Live || old.gated {
		s.touch(name)
	}
}

// wrote notes what a write has made of an object of ours, before the informer
// tells. on is what the write was made on, after what it made; nil for nothing.
// The informer may have told already, and even of what came later.
func (s *store) wrote(name diag.Object, on, after *apply.Seen) {
	s.mu.Lock()
	defer s.mu.Unlock()
	old := s.items[name]
	switch {
	case after == nil && old != nil && on != nil && old.GetUID() == on.UID:
		s.set(name, nil)
		s.pending[name] = true
	case after == nil || s.deleted[after.UID] || old.isAtLeast(after):
	default:
		meta := &discover.Meta{Namespace: name.Namespace, Name: name.Name, UID: after.UID}
		s.set(name, &item{Object: meta, version: after.ResourceVersion, byVersion: true, seen: after})
		s.pending[name] = true
	}
}

// knows reports whether x is the object that was written, as it was then or later.
func (x *item) isAtLeast(after *apply.Seen) bool {
	return x != nil && x.GetUID() == after.UID && (x.version == after.ResourceVersion || before(after.ResourceVersion, x.version))
}

// forget drops all objects of a kind.
func (s *store) forgetKind(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for name := range s.items {
		if name.Kind == kind {
			s.set(name, nil)
			s.pending[name] = true
		}
	}
	s.wakeLocked()
}

// deny notes that a kind may not be listed, and reports whether that is news.
func (s *store) deny(kind string, d diag.Diagnostic) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.denied[kind]
	if s.denied[kind] = d; !known {
		s.wakeLocked()
	}
	return !known
}

// permit notes that a kind may be listed.
func (s *store) permit(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.denied, kind)
}

// wake asks for another look, as when a kind has come of which there is no object.
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

// touch notes that an object has changed.
func (s *store) touch(name diag.Object) {
	s.pending[name] = true
	s.wakeLocked()
}

// again says that there is something new, to whoever listens next.
func (s *store) notify() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// older reports whether a is a state of the object b from before b.
func older(a, b *apply.Seen) bool {
	return a != nil && b != nil && a.UID == b.UID && before(a.ResourceVersion, b.ResourceVersion)
}

// before reports whether a resource version came before another of the object.
func before(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order < 0
}

// same reports whether two states of an object make no difference. Of Istio's
// types only equal ones of ours are looked into: their comparison is costly.
func equivalent(a, b *item) bool {
	if a.seen != nil && b.seen != nil {
		return a.seen.UID == b.seen.UID && a.seen.ResourceVersion == b.seen.ResourceVersion
	}
	if !a.byVersion && !b.byVersion {
		return a.gated == b.gated && reflect.DeepEqual(a.Object, b.Object)
	}
	return a.version == b.version && a.GetUID() == b.GetUID()
}

// taken is what has changed in a store.
type taken struct {
	changes []changed
	// denied are the diagnostics about kinds that may not be listed.
	denied []diag.Diagnostic
	// since is when the oldest of the changes came; zero for none.
	since time.Time
}

// changed is an object as it is now.
type changed struct {
	name diag.Object
	// item is nil for an object that is gone, or that does not count where it is.
	item *item
	// standing is that of its namespace; quiet is set where it decides what it did before.
	mode       namespaceMode
	equivalent bool
}

// take returns what has changed since the last call; the objects must not be changed.
func (s *store) take() taken {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := taken{since: s.since}
	s.since = time.Time{}
	clear(s.deleted)
	for namespace := range s.namespaces.recompute() {
		for name := range s.items {
			if name.Namespace == namespace {
				s.pending[name] = true
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

// counts reports whether an object decides anything where it is:
//
//	objects of Overrides' own            everywhere
//	kinds that matter everywhere         everywhere
//	others                               in namespaces that are managed
//	Services, and pods with a shut gate  in namespaces that are left, too
func (s *store) matters(c *changed) bool {
	_, isService := c.item.Object.(*corev1.Service)
	return c.item.seen != nil || s.options.anyNamespace(c.name.Kind) || c.mode == managed || c.mode == cleaningUp && (isService || c.item.gated)
}

// around returns what a namespace holds, nil for one that is not managed; its
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

// everywhere reports whether objects of a kind matter wherever they are.
func (o *Options) anyNamespace(name string) bool {
	return slices.ContainsFunc(kinds, func(k kind) bool { return k.Name == name && k.anyNamespace() })
}
