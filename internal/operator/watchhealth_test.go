package operator

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiruntime "k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/watch"
	toolscache "k8s.io/client-go/tools/cache"
)

// source is an API server that can be unreachable.
type source struct {
	away    bool
	watches []*watch.FakeWatcher
}

func (s *source) listWatch(f *watchHealth) *trackedListWatch {
	lw := &toolscache.ListWatch{
		ListWithContextFunc: func(context.Context, metav1.ListOptions) (apiruntime.Object, error) {
			return &corev1.PodList{}, s.err()
		},
		WatchFuncWithContext: func(context.Context, metav1.ListOptions) (watch.Interface, error) {
			if s.away {
				return nil, s.err()
			}
			w := watch.NewFake()
			s.watches = append(s.watches, w)
			return w, nil
		},
	}
	return &trackedListWatch{ListerWatcher: lw, delegate: toolscache.ToListerWatcherWithContext(lw), health: f}
}

func (s *source) err() error {
	if s.away {
		return errors.New("away")
	}
	return nil
}

func open(t *testing.T, s *trackedListWatch, options metav1.ListOptions) watch.Interface {
	t.Helper()
	w, err := s.WatchWithContext(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// TestWatchHealth loses watches and gets them back, one after the other.
func TestWatchHealth(t *testing.T) {
	t.Parallel()
	f, pods, slices := newWatchHealth(), &source{}, &source{}
	first, second := pods.listWatch(f), slices.listWatch(f)
	watching := []watch.Interface{open(t, first, metav1.ListOptions{}), open(t, second, metav1.ListOptions{})}
	later := time.Now().Add(time.Hour)
	if !f.allUp(later) {
		t.Fatal("not up, though both watches are")
	}
	for i, s := range []*source{pods, slices} {
		s.watches[0].Stop()
		for range watching[i].ResultChan() { // closed after the end was noted
			t.Error("an event from nowhere")
		}
	}
	if f.allUp(later) {
		t.Error("up, though no watch is")
	}
	open(t, first, metav1.ListOptions{})
	if f.allUp(later) {
		t.Error("up, though one watch is down")
	}
	slices.away = true
	if _, err := second.WatchWithContext(t.Context(), metav1.ListOptions{}); err == nil || f.allUp(later) {
		t.Errorf("a failed watch is up; error %v", err)
	}
	slices.away = false
	second.downSince = second.downSince.Add(-time.Minute) // as if it had been down for a minute
	open(t, second, metav1.ListOptions{})
	if f.allUp(time.Now()) || !f.allUp(later) {
		t.Error("all watches must be up after the catch-up window, and not before")
	}
}

// TestWatchHealthLateEnd: the end of a watch is ignored if another one has begun since.
func TestWatchHealthLateEnd(t *testing.T) {
	t.Parallel()
	f, pods := newWatchHealth(), &source{}
	s := pods.listWatch(f)
	first := open(t, s, metav1.ListOptions{})
	second := open(t, s, metav1.ListOptions{})
	pods.watches[0].Stop()
	for range first.ResultChan() {
		t.Error("an event from nowhere")
	}
	if !f.allUp(time.Now().Add(time.Hour)) {
		t.Error("not up, though the second watch is")
	}
	pods.watches[1].Stop()
	for range second.ResultChan() {
		t.Error("an event from nowhere")
	}
	if f.allUp(time.Now().Add(time.Hour)) {
		t.Error("up, though no watch is")
	}
}

// TestWatchHealthInitialEvents: a watch that begins with the existing objects is up after
// the last one of them.
func TestWatchHealthInitialEvents(t *testing.T) {
	t.Parallel()
	f, pods := newWatchHealth(), &source{}
	yes, later := true, time.Now().Add(time.Hour)
	w := open(t, pods.listWatch(f), metav1.ListOptions{SendInitialEvents: &yes})
	go pods.watches[0].Add(&corev1.Pod{})
	<-w.ResultChan()
	if f.allUp(later) {
		t.Error("up before the end of the initial events")
	}
	end := &corev1.Pod{}
	end.Annotations = map[string]string{metav1.InitialEventsAnnotationKey: "true"}
	go pods.watches[0].Action(watch.Bookmark, end)
	<-w.ResultChan()
	for end := time.Now().Add(30 * time.Second); !f.allUp(later); runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("not up after the initial events")
		}
	}
}

// TestWatchHealthEnded: a kind whose informer has ended is ignored.
func TestWatchHealthEnded(t *testing.T) {
	t.Parallel()
	f, pods := newWatchHealth(), &source{away: true}
	ctx, cancel := context.WithCancel(t.Context())
	if _, err := pods.listWatch(f).ListWithContext(ctx, metav1.ListOptions{}); err == nil || f.allUp(time.Now()) {
		t.Errorf("a kind that could not be listed is up; error %v", err)
	}
	cancel()
	if !f.allUp(time.Now()) {
		t.Error("a kind without an informer counts")
	}
}

// TestReconcileWaitsForWatches: there is no cycle while a watch is down.
func TestReconcileWaitsForWatches(t *testing.T) {
	t.Parallel()
	options := DefaultOptions()
	r := newReconciler(&options, newStore(&options), parts{})
	r.synced, r.watchesUp = func() bool { return true }, func() bool { return false }
	began := time.Now()
	if again := r.reconcile(t.Context()); again.Before(began) || r.cycles.Load() != 0 {
		t.Errorf("there was a cycle; the next one is at %v", again)
	}
}
