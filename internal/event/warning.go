package event

import (
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
)

// RepeatAfter is when a refusal that lasts is reported again: API servers keep Events for
// an hour.
const RepeatAfter = 40 * time.Minute

// The next Event of a code about an object follows after pauseFirst at the earliest,
// doubled each time up to pauseLast: some messages name pods, which come and go all the
// time. After calmAfter without any, the pause is reset.
const (
	pauseFirst = 5 * time.Second
	pauseLast  = 10 * time.Minute
	calmAfter  = 20 * time.Minute
)

// patience is how long warnings of some codes must last before they are reported: states
// that every deployment passes through need no warning.
var patience = map[diag.Code]time.Duration{
	diag.IsolatedNoVersion:        30 * time.Second,
	diag.NoReadyPod:               5 * time.Second,
	diag.OrdinaryTrafficNotPinned: 5 * time.Second,
	diag.PreviewNotPermitted:      5 * time.Second,
	diag.PreviewsRefused:          5 * time.Second,
}

// IsRefusal reports whether Events of a code are about an object that could not be
// written as planned. They are related to that object.
func IsRefusal(code diag.Code) bool {
	return slices.Contains([]diag.Code{diag.ObjectRefused, diag.FieldConflict, diag.NameTaken, diag.OtherInstance, diag.WriteUndone}, code)
}

// topic is a code about an object. Its message may change.
type topic struct {
	code   diag.Code
	object diag.Object
}

func topicOf(d *diag.Diagnostic) topic { return topic{d.Code, d.Object} }

// pace holds the time of the last Event about a topic, and the pause before the next one.
type pace struct {
	last  time.Time
	pause time.Duration
}

// lasting returns the diagnostics to report: warnings and errors that have lasted for as
// long as their code requires.
func (t *teller) lasting(all []diag.Diagnostic) []diag.Diagnostic {
	var out []diag.Diagnostic
	for _, d := range all {
		if _, twice := t.next.since[d]; twice || d.Severity < diag.Warning {
			continue
		}
		since, known := t.before.since[d]
		if !known {
			since = t.Now
		}
		t.next.since[d] = since
		if until := since.Add(patience[d.Code]); t.Now.Before(until) {
			t.out.Pending = append(t.out.Pending, d)
			t.wake(until)
			continue
		}
		out = append(out, d)
	}
	return out
}

// warnings reports warnings that begin, change, last and end.
func (t *teller) warnings(now []diag.Diagnostic) {
	m, topics := &t.next, map[topic]bool{}
	for _, d := range now {
		m.warned[d], topics[topicOf(&d)] = true, true
		if !t.before.warned[d] {
			t.out.Begun = append(t.out.Begun, d)
		}
	}
	for d := range t.before.warned {
		if !m.warned[d] {
			t.out.Ended = append(t.out.Ended, d)
		}
	}
	t.out.Ended = diag.Sort(t.out.Ended)
	for _, d := range t.out.Ended {
		// A warning whose message has changed has not ended.
		if _, wasSaid := t.before.said[d]; wasSaid && !topics[topicOf(&d)] && !t.Left[d.Object.Namespace] {
			t.tell(&d, Event{Reason: Resolved, Note: "no longer applies: %s (" + string(d.Code) + ")"})
		}
	}
	t.keepPaces()
	for _, d := range now {
		t.warning(d)
	}
}

// warning reports d, unless it was reported, or another message of its code was reported
// just now.
func (t *teller) warning(d diag.Diagnostic) {
	m := &t.next
	if at, was := t.before.said[d]; was {
		m.said[d] = at
		if !IsRefusal(d.Code) || t.Now.Sub(at) < RepeatAfter {
			return
		}
	}
	last := t.before.paces[topicOf(&d)]
	if next := last.last.Add(last.pause); t.Now.Before(next) {
		t.wake(next)
		return
	}
	m.said[d] = t.Now
	if p := m.paces[topicOf(&d)]; !p.last.Equal(t.Now) {
		m.paces[topicOf(&d)] = pace{last: t.Now, pause: min(max(2*p.pause, pauseFirst), pauseLast)}
	}
	t.tell(&d, Event{Warning: true, Reason: string(d.Code), Note: "%s"})
}

// keepPaces keeps the paces that are still needed.
func (t *teller) keepPaces() {
	for about, p := range t.before.paces {
		if t.Now.Sub(p.last) < calmAfter {
			t.next.paces[about] = p
		}
	}
}

// leftServices warns about each Service in a namespace that is no longer managed, while
// objects of Overrides for it exist.
func (t *teller) leftServices() []diag.Diagnostic {
	var out []diag.Diagnostic
	for i := range t.Observed {
		o := &t.Observed[i]
		if !t.Left[o.Namespace] {
			continue
		}
		name := [2]string{o.Namespace, strings.TrimSuffix(o.Name, compile.ObjectSuffix)}
		d, known := t.before.left[name]
		if !known {
			object := diag.Object{Kind: "Service", Namespace: name[0], Name: name[1]}
			d = diag.New(diag.NamespaceNotManaged, object,
				"namespace %s is no longer managed: no request can ask for a version of %s, and its ordinary traffic goes to all of its pods, previews included, %s", name[0], name[1], t.sharedFrom(name))
		}
		if _, twice := t.next.left[name]; !twice {
			t.next.left[name] = d
			out = append(out, d)
		}
	}
	return out
}

// sharedFrom says from when on all pods share the ordinary traffic of a Service whose pin
// is no longer wanted.
func (t *teller) sharedFrom(service [2]string) string {
	for _, h := range t.Planned.Blocked {
		if h.Kind == "VirtualService" && h.Namespace == service[0] && h.Name == service[1]+compile.ObjectSuffix && !h.Until.IsZero() {
			return "from " + clock(h.Until) + " on"
		}
	}
	return "from now on"
}
