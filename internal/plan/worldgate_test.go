package plan_test

import (
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// admit gives new pods a readiness gate, where the webhook would.
func (w *world) admit(x *workload) {
	x.gated, x.open = false, false
	if w.gate && x.pods > 0 {
		result := compile.Compile(w.snapshot())
		x.gated = slices.ContainsFunc(result.Services[0].Apart(), func(b model.Backend) bool { return maps.Equal(b.Labels, x.labels()) })
	}
}

// openGates opens gates, as the operator does after a plan. An open gate stays open.
func (w *world) openGates() {
	for _, x := range w.workloads {
		gated := slices.ContainsFunc(w.output.Gated, func(e plan.GatedPods) bool { return maps.Equal(e.Labels, x.labels()) })
		x.open = x.open || !gated
	}
}

// readyEager makes eager pods ready, if they may be.
func (w *world) readyEager() {
	for _, x := range w.workloads {
		if x.eager && x.pods > 0 && w.mayBeReady(x) {
			x.ready, x.eager = x.pods, false
		}
	}
}
