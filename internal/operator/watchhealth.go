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

// freshness knows whether all watches stand. When the connection is lost, each kind
// comes back by itself, some of them seconds later: pods of now beside EndpointSlices
// of then look like pods that are not ready. Nothing is to be taken away for that.
type watchHealth struct {
	mu      sync.Mutex
	watches map[*trackedListWatch]bool
}

const (
	// blink is how long a watch may be down without more than a few changes missed,
	// as when the API server ends it in order; catchUp, how long the store may take
	// to have all that was missed in a longer time.
	graceWindow   = 100 * time.Millisecond
	catchUpWindow = 250 * time.Millisecond
)

func newWatchHealth() *watchHealth { return &watchHealth{watches: map[*trackedListWatch]bool{}} }

// all reports whether everything that is known is of now, as far as can be told.
func (f *watchHealth) allUp(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.watches {
		if s.ctx.Err() != nil {
			// Nobody watches that any more.
			delete(f.watches, s)
			continue
		}
		if s.down || now.Before(s.catchUpUntil) {
			return false
		}
	}
	return true
}

// downFor returns for how long a watch has been down; zero where all stand.
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

// newInformer makes an informer of whose watch is known whether it stands.
func (f *watchHealth) newInformer(
	lw toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	s := &trackedListWatch{ListerWatcher: lw, delegate: toolscache.ToListerWatcherWithContext(lw), health: f}
	return toolscache.NewSharedIndexInformer(s, object, resync, indexers)
}

// stream is what one informer lists and watches.
type trackedListWatch struct {
	toolscache.ListerWatcher
	delegate toolscache.ListerWatcherWithContext
	health   *watchHealth

	// ctx is that of the informer, which is only asked whether it has ended. All of this
	// is locked by of.
	ctx context.Context
	// watch is the last one, nil where that has ended.
	watch *trackedWatch
	// down is set while no watch stands, since then; doubted is until when the store
	// may not have all that was missed.
	down         bool
	downSince    time.Time
	catchUpUntil time.Time
}

// ListWithContext lists. What is listed was not watched.
func (s *trackedListWatch) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	s.markDown(ctx)
	return s.delegate.ListWithContext(ctx, options)
}

// WatchWithContext watches. Where what there is comes first, it stands from the end
// of that on.
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

// relay passes events on, and notes when the watch ends.
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

// falls notes that no watch stands, since one is about to be begun.
func (s *trackedListWatch) markDown(ctx context.Context) {
	s.health.mu.Lock()
	defer s.health.mu.Unlock()
	s.ctx, s.watch = ctx, nil
	s.health.watches[s] = true
	s.markDownLocked()
}

// ends notes that a watch has ended, unless another one has begun already.
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

// stands notes that a watch has all that there is, and is the one that counts.
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

// relay is a watch whose events are passed on.
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
