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

// eligibility tracks the versions that ordinary requests may reach: released ones, and
// formerly released ones until the released ones have been ready.
type eligibility struct {
	eligible map[string]bool
	// lastReleased has the versions that were released when one of them was last ready.
	lastReleased map[string]bool
	// eligibleWorkloads are those whose pods were eligible, lastWorkloads those with pods of
	// lastReleased.
	eligibleWorkloads, lastWorkloads map[string]bool
	// waiting is set while the newly released versions have not been ready, if ordinary
	// traffic had settled on the versions released before.
	waiting bool
	// memoryLost is set from a crash to the next plan.
	memoryLost bool
}

// roll changes the version label of a workload's template. It reports whether it could: a
// workload whose selector has that label can't change it.
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

// finishRollouts ends rolling updates: the former pods go some time after a new one is ready.
func (w *world) finishRollouts() {
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

// retainsOrdinary reports whether ordinary traffic stays where it is until released pods
// are ready, or exist.
func retainsOrdinary(h plan.Blocked) bool {
	return h.Reason == plan.ReleasedNotReady || h.Reason == plan.ReleasedNotFound
}

// recoverReleased makes the released pods exist and be ready, so that no wait lasts forever.
func (w *world) recoverReleased() {
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

// truth records what is true now. It is called after the operator has run.
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
	w.trackEligible(&m, s.ReleasedMissing)
	if s.State == compile.Skipped || s.Pinned == compile.NotPinned && !s.ReleasedMissing || w.releasedGone(m.released) {
		m.released, m.eligible, m.mustServe = nil, nil, nil
	}
	if m.eligible == nil {
		w.eligible = nil // all pods share ordinary traffic
	}
	for v, routed := range w.output.Routed {
		m.announced[v.Version] = ran && routed.Propagated
	}
	w.past = append(w.past, m)
}

// releasedGone reports whether the released versions have no pods while others that are no
// previews are ready: then all non-previews share ordinary traffic.
func (w *world) releasedGone(released map[string]bool) bool {
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

// previews has the versions whose pods are all labelled as previews.
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

// trackEligible sets the versions that are eligible at m, and those that must serve.
func (w *world) trackEligible(m *moment, missing bool) {
	served := anyOf(m.released, m.ready)
	if n := len(w.past); n > 0 && w.eligible != nil && !maps.Equal(w.past[n-1].released, m.released) && maps.Equal(w.past[n-1].mustServe, w.eligible) {
		w.waiting = true
	}
	w.waiting = w.waiting && !served && !missing
	if served {
		w.lastReleased, w.lastWorkloads = m.released, map[string]bool{}
	}
	switch window := w.window(ticks(2*bound) + 2); {
	case served && always(window, func(x moment) bool { return maps.Equal(x.released, m.released) && anyOf(x.released, x.ready) }):
		w.eligible, w.eligibleWorkloads = maps.Clone(m.released), map[string]bool{}
	case w.eligible != nil:
		w.eligible = maps.Clone(w.eligible)
		maps.Copy(w.eligible, m.released)
	}
	m.eligible, m.mustServe = w.eligible, m.released
	if w.eligible != nil && !w.trackWorkloads(m.released, m.ready, missing) && missing {
		m.eligible = nil
	}
	if missing || w.waiting {
		m.mustServe = maps.Clone(m.eligible)
		maps.DeleteFunc(m.mustServe, func(v string, _ bool) bool { return m.released[v] || !w.inEligibleWorkload(v) })
	}
	// Versions whose pods are labelled as previews by now need not serve.
	m.mustServe = maps.Clone(m.mustServe)
	previews := w.previews()
	maps.DeleteFunc(m.mustServe, func(v string, _ bool) bool { return previews[v] })
}

// inEligibleWorkload reports whether an eligible workload has pods of a version. Pods of
// another workload with the same version are not eligible.
func (w *world) inEligibleWorkload(version string) bool {
	for name := range w.eligibleWorkloads {
		for g := w.workloads[name]; g != nil; g = g.former {
			if g.version == version {
				return true
			}
		}
	}
	return false
}

// trackWorkloads records the workloads with eligible pods. If no released pod exists, all of
// their pods are eligible. It reports whether lastReleased has ready pods that are no
// previews by now.
func (w *world) trackWorkloads(released, ready map[string]bool, missing bool) bool {
	previews := w.previews()
	last := maps.Clone(w.lastReleased)
	maps.DeleteFunc(last, func(v string, _ bool) bool { return previews[v] })
	served := anyOf(last, ready)
	for name, x := range w.workloads {
		for g := x; g != nil; g = g.former {
			if released[g.version] {
				w.eligibleWorkloads[name] = true
			}
			if w.lastReleased[g.version] {
				w.lastWorkloads[name] = true
			}
		}
		for g := x; g != nil && missing && w.eligibleWorkloads[name]; g = g.former {
			w.eligible[g.version] = true
			served = served || w.lastWorkloads[name] && g.ready > 0 && !g.preview
		}
	}
	return served
}

// forgetEligible models the loss of memory, when the next plan reads the cluster: if
// ordinary traffic is not pinned, or pinned to pods that are gone, nobody knows which
// versions were released.
func (w *world) forgetEligible() {
	if !w.memoryLost || w.down > 0 {
		return
	}
	w.memoryLost = false
	ready := map[string]bool{}
	for _, x := range w.workloads {
		for g := x; g != nil; g = g.former {
			ready[g.version] = ready[g.version] || g.ready > 0
		}
	}
	pinned := map[string]bool{}
	if n := len(w.log.entries[overridesVirtualService]); n > 0 {
		for _, h := range w.log.entries[overridesVirtualService][n-1].virtualService.GetHttp() {
			for _, d := range h.GetRoute() {
				if s := d.GetDestination().GetSubset(); h.GetName() == "ordinary.cart" && s != "" {
					w.inSubset(s, pinned)
				}
			}
		}
	}
	maps.DeleteFunc(pinned, func(v string, _ bool) bool { return !w.eligible[v] })
	if !anyOf(pinned, ready) {
		w.eligible = nil
		return
	}
	// The versions that were released according to the stored objects are eligible again.
	w.eligible = maps.Clone(w.eligible)
	if was := w.remembered(); was != nil {
		for _, r := range was.Released {
			w.eligible[r.Version] = true
		}
	}
}

// inSubset adds the versions of the pods in a subset.
func (w *world) inSubset(name string, to map[string]bool) {
	for _, object := range []diag.Object{overridesDestinationRule, usersDestinationRule} {
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

// anyOf reports whether any of some versions is ready.
func anyOf(versions, ready map[string]bool) bool {
	for v := range versions {
		if ready[v] {
			return true
		}
	}
	return false
}
