package event

import (
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
)

// RepeatAfter is when a refusal that lasts is said again: API servers keep Events for an
// hour.
const RepeatAfter = 40 * time.Minute

// An Event of a code about an object is followed by another one of it after pauseFirst at
// the earliest, doubled each time up to pauseLast: some messages name pods, which come
// and go all the time. After calmAfter without any, it begins anew.
const (
	pauseFirst = 5 * time.Second
	pauseLast  = 10 * time.Minute
	calmAfter  = 20 * time.Minute
)

// patience is how long warnings of some codes have to last before they are told: what is
// so for a moment at every deployment is nothing to be warned of.
var patience = map[diag.Code]time.Duration{
	diag.IsolatedNoVersion:        30 * time.Second,
	diag.NoReadyPod:               5 * time.Second,
	diag.OrdinaryTrafficNotPinned: 5 * time.Second,
}

// IsRefusal reports whether Events of a code tell of an object that is not written as it
// is to be. They are related to that object.
func IsRefusal(code diag.Code) bool {
	return slices.Contains([]diag.Code{diag.ObjectRefused, diag.FieldConflict, diag.NameTaken, diag.OtherInstance, diag.WriteUndone}, code)
}

// topic is a code about an object. What is said of it changes with the message.
type topic struct {
	code   diag.Code
	object diag.Object
}

func topicOf(d *diag.Diagnostic) topic { return topic{d.Code, d.Object} }

// pace says when the last Event about a topic was, and how long the next one waits.
type pace struct {
	last  time.Time
	pause time.Duration
}

// lasting returns those of all diagnostics that are to be told: warnings and errors, once
// they have lasted for as long as their code asks for.
func (t *teller) lasting(all []diag.Diagnostic) []diag.Diagnostic {
	var out []diag.Diagnostic
	for _, d := range all {
		if _, twice := t.out.Memory.since[d]; twice || d.Severity < diag.Warning {
			continue
		}
		since, known := t.Memory.since[d]
		if !known {
			since = t.Now
		}
		t.out.Memory.since[d] = since
		if until := since.Add(patience[d.Code]); t.Now.Before(until) {
			t.out.Young = append(t.out.Young, d)
			t.wake(until)
			continue
		}
		out = append(out, d)
	}
	return out
}

// warnings tells of warnings that begin, change, last and end.
func (t *teller) warnings(now []diag.Diagnostic) {
	m, topics := &t.out.Memory, map[topic]bool{}
	for _, d := range now {
		m.warned[d], topics[topicOf(&d)] = true, true
		if !t.Memory.warned[d] {
			t.out.Begun = append(t.out.Begun, d)
		}
	}
	for d := range t.Memory.warned {
		if !m.warned[d] {
			t.out.Ended = append(t.out.Ended, d)
		}
	}
	t.out.Ended = diag.Sort(t.out.Ended)
	for _, d := range t.out.Ended {
		// What says something else now is not over.
		if _, wasSaid := t.Memory.said[d]; wasSaid && !topics[topicOf(&d)] && !t.Left[d.Object.Namespace] {
			t.tell(&d, Event{Reason: Resolved, Note: "no longer so: %s (" + string(d.Code) + ")"})
		}
	}
	t.keepPaces()
	for _, d := range now {
		t.warning(d)
	}
}

// warning says d, unless it was said, or something else of its code was just now.
func (t *teller) warning(d diag.Diagnostic) {
	m := &t.out.Memory
	if at, was := t.Memory.said[d]; was {
		m.said[d] = at
		if !IsRefusal(d.Code) || t.Now.Sub(at) < RepeatAfter {
			return
		}
	}
	last := t.Memory.paces[topicOf(&d)]
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

// keepPaces keeps what is needed of what is remembered of topics.
func (t *teller) keepPaces() {
	for about, p := range t.Memory.paces {
		if t.Now.Sub(p.last) < calmAfter {
			t.out.Memory.paces[about] = p
		}
	}
}

// leftServices warns of each Service in a namespace that is not managed any more, while
// there is still something of ours for it.
func (t *teller) leftServices() []diag.Diagnostic {
	var out []diag.Diagnostic
	for i := range t.Observed {
		o := &t.Observed[i]
		if !t.Left[o.Namespace] {
			continue
		}
		name := [2]string{o.Namespace, strings.TrimSuffix(o.Name, compile.ObjectSuffix)}
		d, known := t.Memory.left[name]
		if !known {
			object := diag.Object{Kind: "Service", Namespace: name[0], Name: name[1]}
			d = diag.New(diag.NamespaceNotManaged, object,
				"namespace %s is not managed any more: no request can ask for a version of %s, and its ordinary traffic goes to all of its pods, previews included, %s", name[0], name[1], t.sharedFrom(name))
		}
		if _, twice := t.out.Memory.left[name]; !twice {
			t.out.Memory.left[name] = d
			out = append(out, d)
		}
	}
	return out
}

// sharedFrom says from when on the ordinary traffic of a Service is shared whose pin
// is not wanted any more.
func (t *teller) sharedFrom(service [2]string) string {
	for _, h := range t.Planned.Blocked {
		if h.Kind == "VirtualService" && h.Namespace == service[0] && h.Name == service[1]+compile.ObjectSuffix && !h.Until.IsZero() {
			return "from " + clock(h.Until) + " on"
		}
	}
	return "from now on"
}
