package scale

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// allReady returns a function that reports whether all pods of n Services are ready.
func (t *Tracker) allReady(n int) func() (bool, error) {
	return func() (bool, error) {
		t.mu.Lock()
		defer t.mu.Unlock()
		for i := range n {
			a := t.apps[key(i)]
			if a == nil || len(podsOf(a, "v1", corev1.ConditionTrue)) != releasedPods || len(podsOf(a, "v2", corev1.ConditionTrue)) != previewPods || len(a.want.rows) != 2 {
				return false, nil
			}
		}
		return true, nil
	}
}

// size counts pods and versions.
func (t *Tracker) size() (pods, versions int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range t.apps {
		pods += len(a.pods)
		versions += len(a.deployments)
	}
	return pods, versions
}

// settled reports whether everything wanted is in place.
func (t *Tracker) settled() (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range t.apps {
		if !maps.Equal(a.want.content, a.have.content) {
			return false, nil
		}
	}
	return true, errors.Join(t.errs...)
}

// unsettled lists the wanted changes that are not in place.
func (t *Tracker) unsettled() error {
	t.mu.Lock()
	defer t.mu.Unlock()
	var errs []error
	for k, a := range t.apps {
		if !maps.Equal(a.want.content, a.have.content) {
			errs = append(errs, fmt.Errorf("%s/%s is\n%v\nand not\n%v", k.namespace, k.name, a.have.content, a.want.content))
		}
	}
	return errors.Join(errs...)
}

// forget drops the measurements so far.
func (t *Tracker) forget() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.samples = nil
	for _, a := range t.apps {
		// The history begins with an object's current state.
		for kind := range resources {
			a.history[kind] = []moment{{written: true, content: a.have.content[kind]}}
		}
	}
}

// sum sums the measurements.
func (t *Tracker) sum(out *Result) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	times := map[string][]time.Duration{}
	for _, s := range t.samples {
		times[s.what] = append(times[s.what], s.took)
		if s.held {
			times[s.what+", had to wait"] = append(times[s.what+", had to wait"], s.took)
		} else if s.what == routePlaced {
			times[s.what+" at once"] = append(times[s.what+" at once"], s.took)
		}
	}
	out.Times = map[string]Distribution{}
	for what, all := range times {
		out.Times[what] = distribution(all)
	}
	for k, a := range t.apps {
		for kind, history := range a.history {
			w := count(history)
			out.Writes.add(w)
			if w.Needless > 0 {
				out.NeedlessWrites = append(out.NeedlessWrites, fmt.Sprintf("%s %s/%s", kind, k.namespace, k.name))
			}
		}
	}
	slices.Sort(out.NeedlessWrites)
	return errors.Join(t.errs...)
}

func distribution(all []time.Duration) Distribution {
	if len(all) == 0 {
		return Distribution{}
	}
	slices.Sort(all)
	at := func(share float64) time.Duration { return all[min(int(share*float64(len(all))), len(all)-1)] }
	return Distribution{Count: len(all), P50: at(.5), P90: at(.9), P99: at(.99), Max: all[len(all)-1]}
}

// Writes counts stored writes of the operator's objects.
type Writes struct {
	// Wanted is how often an object's wanted state changed, Stored how often an object
	// was written.
	Wanted, Stored int
	// First are writes after a change of the wanted state, Second further writes of an
	// object that was not yet as wanted, since make-before-break takes two steps,
	// Needless writes of one that was.
	First, Second, Needless int
}

func (w *Writes) add(o Writes) {
	w.Wanted += o.Wanted
	w.Stored += o.Stored
	w.First += o.First
	w.Second += o.Second
	w.Needless += o.Needless
}

const (
	// apart is how far apart two watches may report related events in the wrong order;
	// near how far they usually do not.
	apart = 3 * time.Second
	near  = 300 * time.Millisecond
)

// count counts the writes in one object's history.
func count(history []moment) Writes {
	var out Writes
	before := history[0]
	told := 0 // how many changes were followed by a write
	for _, m := range history[1:] {
		if !m.written {
			out.Wanted++
			continue
		}
		out.Stored++
		changes := 0
		for _, w := range history {
			if !w.written && !w.at.After(m.at.Add(near)) {
				changes++
			}
		}
		switch {
		case wasRight(history, before.content, m.at):
			out.Needless++
		case changes > told:
			out.First++
		default:
			out.Second++
		}
		before, told = m, changes
	}
	return out
}

// wasRight reports whether a content was the only wanted one of an object, from a while
// before a time to a while after it.
func wasRight(history []moment, content string, at time.Time) bool {
	wanted := history[0].content
	for _, w := range history {
		switch {
		case w.written || w.at.After(at.Add(apart)):
		case w.at.Before(at.Add(-apart)):
			wanted = w.content
		case w.content != content:
			return false
		}
	}
	return wanted == content
}
