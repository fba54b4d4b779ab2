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
type freshness struct {
	mu      sync.Mutex
	streams map[*stream]bool
}

const (
	// blink is how long a watch may be down without more than a few changes missed,
	// as when the API server ends it in order; catchUp, how long the store may take
	// to have all that was missed in a longer time.
	blink   = 100 * time.Millisecond
	catchUp = 250 * time.Millisecond
)

func newFreshness() *freshness { return &freshness{streams: map[*stream]bool{}} }

// all reports whether everything that is known is of now, as far as can be told.
func (f *freshness) all(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.streams {
		if s.ctx.Err() != nil {
			// Nobody watches that any more.
			delete(f.streams, s)
			continue
		}
		if s.down || now.Before(s.doubted) {
			return false
		}
	}
	return true
}

// downFor returns for how long a watch has been down; zero where all stand.
func (f *freshness) downFor(now time.Time) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	var longest time.Duration
	for s := range f.streams {
		if s.ctx.Err() == nil && s.down {
			longest = max(longest, now.Sub(s.since))
		}
	}
	return longest
}

// newInformer makes an informer of whose watch is known whether it stands.
func (f *freshness) newInformer(
	lw toolscache.ListerWatcher, object runtime.Object, resync time.Duration, indexers toolscache.Indexers,
) toolscache.SharedIndexInformer {
	s := &stream{ListerWatcher: lw, under: toolscache.ToListerWatcherWithContext(lw), of: f}
	return toolscache.NewSharedIndexInformer(s, object, resync, indexers)
}

// stream is what one informer lists and watches.
type stream struct {
	toolscache.ListerWatcher
	under toolscache.ListerWatcherWithContext
	of    *freshness

	// ctx is that of the informer, which is only asked whether it has ended. All of this
	// is locked by of.
	ctx context.Context
	// watch is the last one, nil where that has ended.
	watch *relay
	// down is set while no watch stands, since then; doubted is until when the store
	// may not have all that was missed.
	down    bool
	since   time.Time
	doubted time.Time
}

// ListWithContext lists. What is listed was not watched.
func (s *stream) ListWithContext(ctx context.Context, options metav1.ListOptions) (runtime.Object, error) {
	s.falls(ctx)
	return s.under.ListWithContext(ctx, options)
}

// WatchWithContext watches. Where what there is comes first, it stands from the end
// of that on.
func (s *stream) WatchWithContext(ctx context.Context, options metav1.ListOptions) (watch.Interface, error) {
	s.falls(ctx)
	w, err := s.under.WatchWithContext(ctx, options)
	if err != nil {
		return nil, err
	}
	out := &relay{Interface: w, result: make(chan watch.Event), stopped: make(chan struct{})}
	s.of.mu.Lock()
	s.watch = out
	s.of.mu.Unlock()
	if options.SendInitialEvents == nil || !*options.SendInitialEvents {
		s.stands(out)
	}
	go s.relay(out)
	return out, nil
}

// relay passes events on, and notes when the watch ends.
func (s *stream) relay(r *relay) {
	defer close(r.result)
	defer s.ends(r)
	for event := range r.Interface.ResultChan() {
		select {
		case r.result <- event:
		case <-r.stopped:
			return
		}
		if event.Type == watch.Bookmark && endsInitial(event.Object) {
			s.stands(r)
		}
	}
}

func endsInitial(object runtime.Object) bool {
	m, err := meta.Accessor(object)
	return err == nil && m.GetAnnotations()[metav1.InitialEventsAnnotationKey] == "true"
}

// falls notes that no watch stands, since one is about to be begun.
func (s *stream) falls(ctx context.Context) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.ctx, s.watch = ctx, nil
	s.of.streams[s] = true
	s.fall()
}

// ends notes that a watch has ended, unless another one has begun already.
func (s *stream) ends(r *relay) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if s.watch == r {
		s.watch = nil
		s.fall()
	}
}

func (s *stream) fall() {
	if !s.down {
		s.down, s.since = true, time.Now()
	}
}

// stands notes that a watch has all that there is, and is the one that counts.
func (s *stream) stands(r *relay) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	if s.watch != r {
		return
	}
	now := time.Now()
	if s.down && now.Sub(s.since) > blink {
		s.doubted = now.Add(catchUp)
	}
	s.down = false
}

// relay is a watch whose events are passed on.
type relay struct {
	watch.Interface
	result  chan watch.Event
	once    sync.Once
	stopped chan struct{}
}

// ResultChan returns the events.
func (r *relay) ResultChan() <-chan watch.Event { return r.result }

// Stop ends the watch.
func (r *relay) Stop() {
	r.once.Do(func() { close(r.stopped) })
	r.Interface.Stop()
}
