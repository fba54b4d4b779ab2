package operator

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// watchHealth knows whether all watches are up. After a lost connection each kind recovers
// by itself, some of them seconds later than others. New pods next to old EndpointSlices
// look like pods that are not ready, and routes must not be removed for that.
type watchHealth struct {
	mu      sync.Mutex
	watches map[*trackedListWatch]bool
}

const (
	// graceWindow is how long a watch may be down while at most a few changes are missed, as
	// when the API server ends it regularly. catchUpWindow is how long the store may take to
	// receive everything that was missed during a longer time.
	graceWindow   = 100 * time.Millisecond
	catchUpWindow = 250 * time.Millisecond
)

func newWatchHealth() *watchHealth { return &watchHealth{watches: map[*trackedListWatch]bool{}} }

// allUp reports whether all that is known is current, as far as this can be told.
func (f *watchHealth) allUp(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.watches {
		if s.ctx.Err() != nil {
			// Its informer has ended.
			delete(f.watches, s)
			continue
		}
		if s.down || now.Before(s.catchUpUntil) {
			return false
		}
	}
	return true
}

// downFor returns how long a watch has been down; zero if all are up.
func (f *watchHealth) downFor(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	var longest time.Duration
	for s := range f.watches {
		if s.ctx.Err() == nil && s.down {
			longest = max(longest, now.Sub(s.downSince))
		}
	}
	return longest
}

// newInformer makes an informer whose watch is tracked.
func (f *watchHealth) newInformer(
	lw toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	s := &trackedListWatch{ListerWatcher: lw, delegate: toolscache.ToListerWatcherWithContext(lw), health: f}
	return toolscache.NewSharedIndexInformer(s, object, resync, indexers)
}

// trackedListWatch lists and watches for one informer.
type trackedListWatch struct {
	toolscache.ListerWatcher
	delegate toolscache.ListerWatcherWithContext
	health   *watchHealth

	// ctx is the context of the informer. It is only used to find out whether the informer
	// has ended. This and the following fields are protected by health.mu.
	ctx context.Context
	// watch is the current watch; nil if it has ended.
	watch *trackedWatch
	// down is set while no watch is up, which began at downSince. Until catchUpUntil the
	// store may not have everything that was missed.
	down         bool
	downSince    time.Time
	catchUpUntil time.Time
}

// ListWithContext lists. Between the list and the watch that follows it, no watch is up.
func (s *trackedListWatch) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	s.markDown(ctx)
	return s.delegate.ListWithContext(ctx, options)
}

// WatchWithContext watches. If the watch begins with the existing objects, it is up after
// the last one of them.
func (s *trackedListWatch) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	s.markDown(ctx)
	w, err := s.delegate.WatchWithContext(ctx, options)
	if err != nil {
		return nil, err
	}
	out := &trackedWatch{Interface: w, result: make(chan watch.Event), stopped: make(chan struct{})}
	s.health.mu.Lock()
	s.watch = out
	s.health.mu.Unlock()
	if options.SendInitialEvents == nil || !*options.SendInitialEvents {
		s.markUp(out)
	}
	go s.forward(out)
	return out, nil
}

// forward forwards events, and notes when the watch ends.
func (s *trackedListWatch) forward(r *trackedWatch) {
	defer close(r.result)
	defer s.markEnded(r)
	for event := range r.Interface.ResultChan() {
		select {
		case r.result <- event:
		case <-r.stopped:
			return
		}
		if event.Type == watch.Bookmark && endsInitialEvents(event.Object) {
			s.markUp(r)
		}
	}
}

func endsInitialEvents(object runtime.Object) bool {
	m, err := meta.Accessor(object)
	return err == nil && m.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true"
}

// markDown notes that no watch is up, because a new one is about to begin.
func (s *trackedListWatch) markDown(ctx context.Context) {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	s.ctx, s.watch = ctx, nil
	s.health.watches[s] = true
	s.markDownLocked()
}

// markEnded notes that a watch has ended, unless another one has begun.
func (s *trackedListWatch) markEnded(r *trackedWatch) {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	if s.watch == r {
		s.watch = nil
		s.markDownLocked()
	}
}

func (s *trackedListWatch) markDownLocked() {
	if !s.down {
		s.down, s.downSince = true, time.Now()
	}
}

// markUp notes that a watch has delivered everything, if it is the current one.
func (s *trackedListWatch) markUp(r *trackedWatch) {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	if s.watch != r {
		return
	}
	now := time.Now()
	if s.down && now.Sub(s.downSince) > graceWindow {
		s.catchUpUntil = now.Add(catchUpWindow)
	}
	s.down = false
}

// trackedWatch is a watch whose events are forwarded.
type trackedWatch struct {
	watch.Interface
	result  chan watch.Event
	once    sync.Once
	stopped chan struct{}
}

// ResultChan returns the events.
func (r *trackedWatch) ResultChan() <-chan watch.Event { return r.result }

// Stop ends the watch.
func (r *trackedWatch) Stop() {
	r.once.Do(func() { close(r.stopped) })
	r.Interface.Stop()
}
