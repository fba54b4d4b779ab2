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
	"github.com/overrides-mesh/overrides/internal/plan"
)

// store is what the cluster holds, as far as it decides anything.
type store struct {
	options *Options
	// changed gets a value when there is something new.
	changed chan struct{}

	mu    sync.Mutex
	items map[diag.Object]*item
	// gone are objects of ours of whose end the informer told since the last look: a
	// write to one may yet have to be noted.
	gone map[types.UID]bool
	// sliced is set where the last look has seen EndpointSlices, which then say which
	// pods are ready.
	sliced bool
	// denied are the kinds that are done without, each with what to say about it.
	denied map[string]diag.Diagnostic
	// managing are the namespaces that have been managed, and in which there may still
	// be something of ours.
	managing map[string]bool
	// since is when the first change came that was not looked at yet.
	since time.Time
}

func newStore(options *Options) *store {
	return &store{options: options, changed: make(chan struct{}, 1), items: map[diag.Object]*item{}, gone: map[types.UID]bool{}, denied: map[string]diag.Diagnostic{}, managing: map[string]bool{}}
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
	s.items[name] = next
	if old == nil || !same(old, next) && !s.alike(old, next) {
		s.touch()
	}
}

// alike reports whether two states of a pod decide the same: that it says itself
// whether it is ready matters to nobody where EndpointSlices do. Should these go, that
// is a change of its own.
func (s *store) alike(old, next *item) bool {
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
	return s.sliced && reflect.DeepEqual(&same, b)
}

// remove notes that an object is gone.
func (s *store) remove(name diag.Object, last *item) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if last != nil && last.seen != nil {
		s.gone[last.GetUID()] = true
	}
	old := s.items[name]
	if old == nil || (last != nil && old.GetUID() != last.GetUID()) {
		return
	}
	delete(s.items, name)
	if pod, isPod := old.Object.(*discover.Pod); !isPod || pod.Live || old.gated {
		s.touch()
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
		delete(s.items, name)
	case after == nil || s.gone[after.UID] || old.knows(after):
	default:
		meta := &discover.Meta{Namespace: name.Namespace, Name: name.Name, UID: after.UID}
		s.items[name] = &item{Object: meta, version: after.ResourceVersion, byVersion: true, seen: after}
	}
}

// knows reports whether x is the object that was written, as it was then or later.
func (x *item) knows(after *apply.Seen) bool {
	return x != nil && x.GetUID() == after.UID && (x.version == after.ResourceVersion || before(after.ResourceVersion, x.version))
}

// forget drops all objects of a kind.
func (s *store) forget(kind string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	maps.DeleteFunc(s.items, func(name diag.Object, _ *item) bool { return name.Kind == kind })
	s.touch()
}

// deny notes that a kind may not be listed, and reports whether that is news.
func (s *store) deny(kind string, d diag.Diagnostic) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, known := s.denied[kind]
	if s.denied[kind] = d; !known {
		s.touch()
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
	s.touch()
}

func (s *store) touch() {
	if s.since.IsZero() {
		s.since = time.Now()
	}
	s.again()
}

// again says that there is something new, to whoever listens next.
func (s *store) again() {
	select {
	case s.changed <- struct{}{}:
	default:
	}
}

// news reports whether something has changed since the last look.
func (s *store) news() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.since.IsZero()
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
func same(a, b *item) bool {
	if a.seen != nil && b.seen != nil {
		return a.seen.UID == b.seen.UID && a.seen.ResourceVersion == b.seen.ResourceVersion
	}
	if !a.byVersion && !b.byVersion {
		return a.gated == b.gated && reflect.DeepEqual(a.Object, b.Object)
	}
	return a.version == b.version && a.GetUID() == b.GetUID()
}

// contents is what the store holds at one moment.
type contents struct {
	objects *discover.Objects
	seen    map[diag.Object]*apply.Seen
	diags   []diag.Diagnostic
	// gated are the pods whose readiness gate is shut, in namespaces that are managed
	// or left.
	gated []*discover.Pod
	// leaving are the Services of namespaces that are left.
	leaving []*corev1.Service
	scope
	// since is when the oldest change came that is new in it; zero for none.
	since time.Time
}

// observed lists our objects of namespaces that are managed, or were and are to be
// left as they would be without us.
func (c *contents) observed() []plan.Observed {
	out := make([]plan.Observed, 0, len(c.seen))
	for name, seen := range c.seen {
		if c.managed(name.Namespace) || c.left(name.Namespace) {
			out = append(out, seen.Observed)
		}
	}
	slices.SortFunc(out, func(a, b plan.Observed) int { return a.Compare(b.Object) })
	return out
}

// take returns what the store holds; its objects must not be changed.
func (s *store) take() contents {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := contents{objects: &discover.Objects{Cluster: true}, seen: map[diag.Object]*apply.Seen{}, since: s.since}
	s.since = time.Time{}
	clear(s.gone)
	out.scope = s.scope()
	for name, x := range s.items {
		if pod, ok := x.Object.(*discover.Pod); ok && x.gated && (out.managed(name.Namespace) || out.left(name.Namespace)) {
			out.gated = append(out.gated, pod)
		}
		switch {
		case x.seen != nil:
			out.seen[name] = x.seen
			if x.seen.Says != nil {
				out.objects.Put(x.seen.Says)
			}
		case s.options.everywhere(name.Kind) || out.managed(name.Namespace):
			out.diags = append(out.diags, x.diags...)
			out.objects.Put(x.Object)
		case out.left(name.Namespace):
			if service, ok := x.Object.(*corev1.Service); ok {
				out.leaving = append(out.leaving, service)
			}
		}
	}
	for _, kind := range slices.Sorted(maps.Keys(s.denied)) {
		out.diags = append(out.diags, s.denied[kind])
	}
	s.sliced = len(out.objects.EndpointSlices) > 0
	return out
}

// around returns what a namespace holds, nil for one that is not managed; its
// objects must not be changed.
func (s *store) around(namespace string) *discover.Objects {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.options.manages(namespace, s.label(namespace)) {
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
func (o *Options) everywhere(name string) bool {
	return slices.ContainsFunc(kinds, func(k kind) bool { return k.Name == name && k.everywhere() })
}

// seen lists our objects as they are now.
func (s *store) seen() map[diag.Object]*apply.Seen {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := map[diag.Object]*apply.Seen{}
	for name, x := range s.items {
		if x.seen != nil {
			out[name] = x.seen
		}
	}
	return out
}
