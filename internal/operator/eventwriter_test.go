package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// eventSink is an API server that keeps Events.
type eventSink struct {
	mu    sync.Mutex
	notes []string
	names map[string]bool
	// fail returns the error of a request; nil fails none.
	fail  func(*eventsv1.Event) error
	tries int
}

func (s *eventSink) create(_ context.Context, e *eventsv1.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.tries++
	if s.fail != nil {
		if err := s.fail(e); err != nil {
			return err
		}
	}
	if s.names == nil {
		s.names = map[string]bool{}
	}
	if s.names[e.Name] {
		return apierrors.NewAlreadyExists(schema.GroupResource{Resource: "events"}, e.Name)
	}
	s.names[e.Name] = true
	s.notes = append(s.notes, e.Note)
	return nil
}

// written returns the notes of the Events so far, once nothing is left to do but to wait.
func (s *eventSink) written() []string {
	synctest.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.notes)
}

// startEvents starts a writer of Events to s, with a log. It runs until stop is called.
func startEvents(t *testing.T, s *eventSink) (w *eventWriter, log *strings.Builder, stop func()) {
	t.Helper()
	log = &strings.Builder{}
	w = newEventWriter(nil, newScheme(), slog.New(slog.NewTextHandler(log, nil)))
	w.create = s.create
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Start(ctx) }()
	return w, log, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// tell queues an Event on a Service.
func tell(w *eventWriter, note string) {
	service := &corev1.ObjectReference{APIVersion: "v1", Kind: "Service", Namespace: "shop", Name: "cart"}
	w.Eventf(service, nil, corev1.EventTypeNormal, "VersionOverridable", "Route", "%s", note)
}

// TestEventRateLimit: a burst of Events is written at once, further ones one after the other,
// all of them in order. After a while there may be another burst. Equal Events are Events of
// their own.
func TestEventRateLimit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		to := &eventSink{}
		w, _, stop := startEvents(t, to)
		var want []string
		send := func(n int) {
			for range n {
				want = append(want, fmt.Sprint(len(want)/2))
				tell(w, want[len(want)-1])
			}
		}
		expect := func(n int) {
			t.Helper()
			if got := to.written(); !slices.Equal(got, want[:n]) {
				t.Fatalf("written are %v, want %d", got, n)
			}
		}
		send(eventBurst + 10)
		expect(eventBurst)
		time.Sleep(eventPause)
		expect(eventBurst + 1)
		time.Sleep(9 * eventPause)
		expect(eventBurst + 10)
		time.Sleep(2 * eventBurst * eventPause)
		send(eventBurst + 10)
		expect(2*eventBurst + 10)
		stop()
	})
}

// TestEventRetries: an Event is tried again while the API server does not respond, for a
// while, and the ones behind it wait. One that the API server rejects is logged.
func TestEventRetries(t *testing.T) {
	t.Parallel()
	away := errors.New("connection refused")
	forbidden := apierrors.NewForbidden(schema.GroupResource{Resource: "events"}, "", errors.New("the namespace is being terminated"))
	synctest.Test(t, func(t *testing.T) {
		to := &eventSink{fail: func(*eventsv1.Event) error { return away }}
		w, log, stop := startEvents(t, to)
		tell(w, "first")
		tell(w, "second")
		if got := to.written(); got != nil || to.tries != 1 {
			t.Fatalf("written are %v after %d tries", got, to.tries)
		}
		to.fail = nil
		time.Sleep(eventRetry)
		if got := to.written(); !slices.Equal(got, []string{"first", "second"}) {
			t.Fatalf("written are %v", got)
		}
		if log.Len() != 0 {
			t.Errorf("logged %s", log)
		}

		to.tries, to.fail = 0, func(e *eventsv1.Event) error {
			if e.Note == "third" {
				return away
			}
			return forbidden
		}
		for _, note := range []string{"third", "fourth"} {
			tell(w, note)
		}
		time.Sleep(eventTries * eventRetry)
		to.written()
		if to.tries != eventTries+1 || strings.Count(log.String(), "write an Event") != 2 || !strings.Contains(log.String(), "being terminated") {
			t.Errorf("after %d tries it has logged\n%s", to.tries, log)
		}
		stop()
	})
}
