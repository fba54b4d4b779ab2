package operator

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	typedevents "k8s.io/client-go/kubernetes/typed/events/v1"
	"k8s.io/client-go/tools/record/util"
	"k8s.io/client-go/tools/reference"
)

const (
	// eventBurst Events are written without delay, further ones every eventPause, because the
	// API server is needed for routes.
	eventBurst = 50
	eventPause = 20 * time.Millisecond
	// eventRetry is how long an Event waits that could not be written, eventTries how often it
	// is tried, as by client-go.
	eventRetry = 10 * time.Second
	eventTries = 12
)

// eventWriter writes Events, in order and at a limited rate. Unlike the recorder of
// client-go, it writes each Event as an object of its own and keeps none: that recorder keeps
// each for six minutes, and counts an Event that differs from it only in note and time as a
// repetition, of which it tells minutes later. Package event does not repeat itself.
type eventWriter struct {
	create   func(ctx context.Context, e *eventsv1.Event) error
	scheme   *runtime.Scheme
	instance string
	log      *slog.Logger

	mu    sync.Mutex
	queue []queuedEvent
	// latest is the time of the latest Event: times are in the names, so no two are equal.
	latest time.Time
	// more gets a value when an Event was queued.
	more chan struct{}
}

// queuedEvent is an Event that is not written yet.
type queuedEvent struct {
	at                         time.Time
	regarding                  corev1.ObjectReference
	related                    *corev1.ObjectReference
	kind, reason, action, note string
}

func newEventWriter(client typedevents.EventsV1Interface, scheme *runtime.Scheme, log *slog.Logger) *eventWriter {
	host, _ := os.Hostname() // "" is as good
	return &eventWriter{
		create: func(ctx context.Context, e *eventsv1.Event) error {
			_, err := client.Events(e.Namespace).Create(ctx, e, metav1.CreateOptions{})
			return err
		},
		scheme: scheme, instance: ReportingController + "-" + host, log: log, more: make(chan struct{}, 1),
	}
}

// Eventf queues an Event. It implements [events.EventRecorder].
//
//nolint:revive // its parameters are those of the interface
func (w *eventWriter) Eventf(regarding, related runtime.Object, kind, reason, action, note string, args ...any) {
	e := queuedEvent{kind: kind, reason: reason, action: action, note: fmt.Sprintf(note, args...)}
	about, err := reference.GetReference(w.scheme, regarding)
	if err != nil {
		w.log.Error("an Event has no object", "reason", reason, "note", e.note, "error", err)
		return
	}
	e.regarding = *about
	if related != nil {
		e.related, _ = reference.GetReference(w.scheme, related) // an Event without it says enough
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if e.at = time.Now(); !e.at.After(w.latest) {
		e.at = w.latest.Add(1)
	}
	w.latest = e.at
	w.queue = append(w.queue, e)
	select {
	case w.more <- struct{}{}:
	default:
	}
}

// NeedLeaderElection returns false: it runs in every replica, but only the leader queues
// Events.
func (w *eventWriter) NeedLeaderElection() bool { return false }

// Start writes queued Events until ctx ends, and then drops the rest.
func (w *eventWriter) Start(ctx context.Context) error {
	ticker := time.NewTicker(eventPause)
	defer ticker.Stop()
	budget := eventBurst
	for {
		for budget > 0 {
			e, ok := w.next()
			if !ok {
				break
			}
			w.write(ctx, &e)
			budget--
		}
		if budget == eventBurst {
			select {
			case <-ctx.Done():
				return nil
			case <-w.more:
				ticker.Reset(eventPause) // drop an earlier tick
				continue
			}
		}
		var more chan struct{}
		if budget > 0 {
			more = w.more // the rest of a burst is written at once, however slowly it is queued
		}
		select {
		case <-ctx.Done():
			return nil
		case <-more:
		case <-ticker.C:
			budget++
		}
	}
}

func (w *eventWriter) next() (e queuedEvent, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		w.queue = nil // free its memory
		return queuedEvent{}, false
	}
	e = w.queue[0]
	w.queue[0] = queuedEvent{}
	w.queue = w.queue[1:]
	return e, true
}

// write writes an Event. It tries again if there was no response from the API server.
func (w *eventWriter) write(ctx context.Context, e *queuedEvent) {
	object := w.object(e)
	for try := 1; ; try++ {
		err := w.create(ctx, object)
		var rejected apierrors.APIStatus
		switch {
		case err == nil || ctx.Err() != nil || apierrors.IsAlreadyExists(err): // an earlier try may have created it
			return
		case try == eventTries || errors.As(err, &rejected):
			w.log.Error("write an Event", "reason", e.reason, "namespace", object.Namespace, "about", e.regarding.Name, "note", e.note, "error", err)
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(eventRetry):
		}
	}
}

func (w *eventWriter) object(e *queuedEvent) *eventsv1.Event {
	return &eventsv1.Event{
		ObjectMeta:          metav1.ObjectMeta{Namespace: e.regarding.Namespace, Name: util.GenerateEventName(e.regarding.Name, e.at.UnixNano())},
		EventTime:           metav1.NewMicroTime(e.at),
		ReportingController: ReportingController, ReportingInstance: w.instance,
		Action: e.action, Reason: e.reason, Regarding: e.regarding, Related: e.related, Note: e.note, Type: e.kind,
	}
}
