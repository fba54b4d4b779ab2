package plan_test

import (
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// entitlement is which versions ordinary requests may reach though they are not
// released: those that were, as long as those that are have not been ready.
type entitlement struct {
	due map[string]bool
	// last are those that were released when one of those was last ready.
	last map[string]bool
	// heirs are the workloads whose pods were due, lastHeirs those of the last.
	heirs, lastHeirs map[string]bool
	// waiting is set where what is released has not been ready since it is, and before
	// that ordinary traffic was where it was to be.
	waiting bool
	// unsure is set from a crash to the next plan.
	unsure bool
}

// roll changes the version label of a workload's template. It reports whether it may:
// a selector that has it never changes.
func (w *world) roll(x *workload, version string) bool {
	if x == nil || x.former != nil || x.pods == 0 || x.ownSelector && x.name == "" || w.serving(version) {
		return false
	}
	former := *x
	x.former = &former
	x.version, x.pods, x.ready, x.watched, x.eager = version, 1, 0, 0, false
	w.admit(x)
	return true
}

// goOn lets rolling updates end: the pods of before go some time after one of the new
// ones is ready.
func (w *world) goOn() {
	for _, name := range slices.Sorted(maps.Keys(w.workloads)) {
		if x := w.workloads[name]; x.former != nil && x.ready > 0 && rapid.Bool().Draw(w.draw, "former pods go") {
			x.former = nil
		}
	}
}

// serving reports whether a workload has pods of a version, or a template.
func (w *world) serving(version string) bool {
	for _, x := range w.workloads {
		for g := x; g != nil; g = g.former {
			if g.version == version {
				return true
			}
		}
	}
	return false
}

// unreleased reports whether ordinary traffic is held where it is until released pods
// are ready, or there.
func unreleased(h plan.Blocked) bool {
	return h.Reason == plan.ReleasedNotReady || h.Reason == plan.ReleasedNotFound
}

// recover ends what would go on for ever: what is released is there, and is ready.
func (w *world) recover() {
	if slices.ContainsFunc(w.output.Blocked, func(h plan.Blocked) bool { return h.Reason == plan.ReleasedNotFound }) {
		w.settings.ReleasedVersions = nil
	}
	last := w.past[len(w.past)-1]
	for _, x := range w.workloads {
		x.former = nil
		if last.released[x.version] {
			x.ready = x.pods
		}
	}
}

// truth notes what is true now. It is called after the operator had its turn.
func (w *world) truth(disturbed, ran bool) {
	m := moment{at: w.now, released: map[string]bool{}, ready: map[string]bool{}, announced: map[string]bool{}, disturbed: disturbed, hidden: w.callers != nil, ran: ran, crashed: w.crashed}
	m.delegates, m.steered = len(w.steered()) > 0, w.delegated()
	w.crashed = false
	result := compile.Compile(w.snapshot())
	s := result.Services[0]
	if s.State != compile.Skipped && !m.hidden && (w.settings.ReleasedVersions != nil || w.remembered() != nil) {
		m.previews = w.previews()
	}
	for _, v := range s.Versions {
		m.ready[v.Name] = v.Ready > 0
		if v.Released {
			m.released[v.Name] = true
		}
	}
	w.entitle(&m, s.ReleasedMissing)
	if s.State == compile.Skipped || s.Pinned == compile.NotPinned && !s.ReleasedMissing || w.gone(m.released) {
		m.released, m.due, m.must = nil, nil, nil
	}
	if m.due == nil {
		w.due = nil // all pods share ordinary traffic
	}
	for v, routed := range w.output.Routed {
		m.announced[v.Version] = ran && routed.Propagated
	}
	w.past = append(w.past, m)
}

// gone reports whether all that is released has no pods while others that are no previews
// are ready: ordinary traffic is then shared by all that are none.
func (w *world) gone(released map[string]bool) bool {
	others := false
	for _, x := range w.workloads {
		for g := x; g != nil; g = g.former {
			if released[g.version] && g.pods > 0 {
				return false
			}
			others = others || g.ready > 0 && !g.preview
		}
	}
	return len(released) > 0 && others
}

// previews lists the versions of which all pods are labelled as previews.
func (w *world) previews() map[string]bool {
	out := map[string]bool{}
	for _, labelled := range []bool{true, false} {
		for _, x := range w.workloads {
			for g := x; g != nil; g = g.former {
				if g.preview == labelled {
					out[g.version] = labelled
				}
			}
		}
	}
	return out
}

// entitle says which versions are due at m, and which of them must serve.
func (w *world) entitle(m *moment, missing bool) {
	served := anyOf(m.released, m.ready)
	if n := len(w.past); n > 0 && w.due != nil && !maps.Equal(w.past[n-1].released, m.released) && maps.Equal(w.past[n-1].must, w.due) {
		w.waiting = true
	}
	w.waiting = w.waiting && !served && !missing
	if served {
		w.last, w.lastHeirs = m.released, map[string]bool{}
	}
	switch window := w.window(ticks(2*bound) + 2); {
	case served && always(window, func(x moment) bool { return maps.Equal(x.released, m.released) && anyOf(x.released, x.ready) }):
		w.due, w.heirs = maps.Clone(m.released), map[string]bool{}
	case w.due != nil:
		w.due = maps.Clone(w.due)
		maps.Copy(w.due, m.released)
	}
	m.due, m.must = w.due, m.released
	if w.due != nil && !w.inherit(m.released, m.ready, missing) && missing {
		m.due = nil
	}
	if missing || w.waiting {
		m.must = maps.Clone(m.due)
		maps.DeleteFunc(m.must, func(v string, _ bool) bool { return m.released[v] || !w.inherited(v) })
	}
	// Nor must those serve whose pods are labelled as previews by now.
	m.must = maps.Clone(m.must)
	previews := w.previews()
	maps.DeleteFunc(m.must, func(v string, _ bool) bool { return previews[v] })
}

// inherited reports whether a workload whose pods were due has pods of a version: those of
// another workload are not due for having the same.
func (w *world) inherited(version string) bool {
	for name := range w.heirs {
		for g := w.workloads[name]; g != nil; g = g.former {
			if g.version == version {
				return true
			}
		}
	}
	return false
}

// inherit notes the workloads whose pods are due. Where what is released is missing, all
// of their pods are. It reports whether pods are ready of what was released last,
// and are no previews by now.
func (w *world) inherit(released, ready map[string]bool, missing bool) bool {
	previews := w.previews()
	last := maps.Clone(w.last)
	maps.DeleteFunc(last, func(v string, _ bool) bool { return previews[v] })
	served := anyOf(last, ready)
	for name, x := range w.workloads {
		for g := x; g != nil; g = g.former {
			if released[g.version] {
				w.heirs[name] = true
			}
			if w.last[g.version] {
				w.lastHeirs[name] = true
			}
		}
		for g := x; g != nil && missing && w.heirs[name]; g = g.former {
			w.due[g.version] = true
			served = served || w.lastHeirs[name] && g.ready > 0 && !g.preview
		}
	}
	return served
}

// forget is what a crash costs, as the next plan finds the cluster: where ordinary traffic
// is not pinned, nobody knows what was released; where it is, to what is gone, neither.
func (w *world) forget() {
	if !w.unsure || w.down > 0 {
		return
	}
	w.unsure = false
	ready := map[string]bool{}
	for _, x := range w.workloads {
		for g := x; g != nil; g = g.former {
			ready[g.version] = ready[g.version] || g.ready > 0
		}
	}
	pinned := map[string]bool{}
	if n := len(w.log.entries[ourVirtualService]); n > 0 {
		for _, h := range w.log.entries[ourVirtualService][n-1].virtualService.GetHttp() {
			for _, d := range h.GetRoute() {
				if s := d.GetDestination().GetSubset(); h.GetName() == "ordinary.cart" && s != "" {
					w.inSubset(s, pinned)
				}
			}
		}
	}
	maps.DeleteFunc(pinned, func(v string, _ bool) bool { return !w.due[v] })
	if !anyOf(pinned, ready) {
		w.due = nil
		return
	}
	// What our objects say was released is due again.
	w.due = maps.Clone(w.due)
	if was := w.remembered(); was != nil {
		for _, r := range was.Released {
			w.due[r.Version] = true
		}
	}
}

// inSubset adds the versions of the pods in a subset to others.
func (w *world) inSubset(name string, to map[string]bool) {
	for _, object := range []diag.Object{ourDestinationRule, usersDestinationRule} {
		n := len(w.log.entries[object])
		if n == 0 {
			continue
		}
		for _, s := range w.log.entries[object][n-1].destinationRule.GetSubsets() {
			for _, x := range w.workloads {
				for g := x; g != nil; g = g.former {
					if s.GetName() == name && model.HasLabels(g.labels(), s.GetLabels()) {
						to[g.version] = true
					}
				}
			}
		}
	}
}

// anyOf reports whether one of some versions is ready.
func anyOf(versions, ready map[string]bool) bool {
	for v := range versions {
		if ready[v] {
			return true
		}
	}
	return false
}
