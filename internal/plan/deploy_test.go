package plan_test

import "pgregory.net/rapid"

// deploy creates a workload of a version.
func (w *world) deploy(name, version string, ownSelector bool) {
	x := &workload{version: version, ownSelector: ownSelector, created: w.now, pods: 1}
	w.workloads[name] = x
	if w.draw != nil {
		if ownSelector && rapid.Bool().Draw(w.draw, "selector without version") {
			x.name = name
		}
		x.eager = w.gate && rapid.Bool().Draw(w.draw, "eager")
		x.preview = name != "cart-v1" && rapid.IntRange(0, 3).Draw(w.draw, "preview") == 0
		if rapid.IntRange(0, 3).Draw(w.draw, "label of its own") == 0 {
			x.own = name
		}
	}
	w.admit(x)
}

// recreated is a workload that was deleted and applied again at once: younger, with no
// ready pod, and perhaps of another kind.
func (w *world) recreated(t *rapid.T, x *workload) *workload {
	out := *x
	out.former, out.created, out.pods, out.ready, out.watched = nil, w.now, 1, 0, 0
	out.gated, out.open = false, false
	out.kind = rapid.SampledFrom([]string{"", "Rollout"}).Draw(t, "kind")
	return &out
}
