package scale

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/discover"
)

// atRest reports whether no more changes will happen to any Service by themselves: pods
// come and go for seconds after their Deployments, and the wanted state with them.
func (t *Tracker) atRest() (bool, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, a := range t.apps {
		if !a.atRest() {
			return false, nil
		}
	}
	return true, nil
}

// atRest reports whether the wanted pods exist, each has been ready once, and
// EndpointSlices have their current state.
func (a *app) atRest() bool {
	asked := 0
	for _, d := range a.deployments {
		pods := int(*d.Spec.Replicas)
		if d.Status.ObservedGeneration < d.Generation || int(d.Status.Replicas) != pods || int(d.Status.UpdatedReplicas) != pods {
			return false
		}
		asked += pods
	}
	if len(a.pods) != asked {
		return false
	}
	var ready, told []string
	for name, p := range a.pods {
		i := slices.IndexFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady })
		if i < 0 || p.DeletionTimestamp != nil {
			return false
		}
		if p.Status.Conditions[i].Status == corev1.ConditionTrue {
			ready = append(ready, name)
		}
	}
	for _, s := range a.slices {
		told = append(told, discover.TrimEndpointSlice(s).Ready...)
	}
	slices.Sort(ready)
	slices.Sort(told)
	return slices.Equal(ready, told)
}

// written lists the writes of each object since [Tracker.forget], and its wanted states.
func (t *Tracker) written() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var out []string
	for k, a := range t.apps {
		for _, kind := range slices.Sorted(maps.Keys(a.history)) {
			h := a.history[kind]
			if !slices.ContainsFunc(h[1:], func(m moment) bool { return m.written }) {
				continue
			}
			var text strings.Builder
			fmt.Fprintf(&text, "%s %s/%s, which was\n%s", kind, k.namespace, k.name, h[0].content)
			for _, m := range h[1:] {
				what := "wanted"
				if m.written {
					what = "written"
				}
				fmt.Fprintf(&text, "\n%s %s\n%s", m.at.Format("15:04:05.000"), what, m.content)
			}
			out = append(out, text.String())
		}
	}
	slices.Sort(out)
	return out
}
