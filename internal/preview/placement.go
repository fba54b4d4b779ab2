package preview

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// takePlacement removes from the template what keeps its pods apart from each other, which
// might leave no node for the preview, and remembers its selectors: the released pods keep
// them, and a pod of the preview that they match could leave no node for a released one.
func (m *maker) takePlacement() {
	spec := within(m.template, "spec")
	affinity := within(spec, "affinity")
	apart := items(within(affinity, "podAntiAffinity"), "requiredDuringSchedulingIgnoredDuringExecution")
	for _, c := range items(spec, "topologySpreadConstraints") {
		if text(c, "whenUnsatisfiable") == "DoNotSchedule" {
			apart = append(apart, c)
		}
	}
	for _, term := range apart {
		var s metav1.LabelSelector
		if runtime.DefaultUnstructuredConverter.FromUnstructured(within(term, "labelSelector"), &s) != nil {
			continue
		}
		if of, err := metav1.LabelSelectorAsSelector(&s); err == nil && !of.Empty() {
			m.apart = append(m.apart, selector{m.workload(), "does not run beside", of, keysOfSelector(&s)})
		}
	}
	if _, spread := spec["topologySpreadConstraints"]; spread || affinity["podAntiAffinity"] != nil {
		m.report(diag.PreviewPartLeftOut, m.workload(), "the preview has no podAntiAffinity and no topologySpreadConstraints: it may run beside released pods")
	}
	delete(spec, "topologySpreadConstraints")
	if delete(affinity, "podAntiAffinity"); len(affinity) == 0 {
		delete(spec, "affinity")
	}
}
