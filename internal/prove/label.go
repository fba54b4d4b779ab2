package prove

import (
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Relabelled is pods that differ in labels that no route and no selector uses.
type Relabelled struct {
	Workload diag.Object `json:"workload"`
	// Labels are the keys of these labels, sorted.
	Labels []string `json:"labels"`
}

// identityLabels name a caller.
var identityLabels = []string{"app", "app.kubernetes.io/name", "service.istio.io/canonical-name", compile.PreviewLabel}

// usedLabels lists the keys of labels of pods on which routes depend, in either state: those
// that something selects by, that names a version or a caller, and those of Istio's own.
func usedLabels(states ...State) map[string]bool {
	out := map[string]bool{}
	add := func(labels map[string]string) {
		for key := range labels {
			out[key] = true
		}
	}
	for _, key := range identityLabels {
		out[key] = true
	}
	for _, state := range states {
		s := state.Snapshot
		out[s.Options.VersionLabel] = true
		for i := range s.Services {
			add(s.Services[i].Selector)
			for _, b := range s.Services[i].Backends {
				add(b.Selector)
			}
		}
		for i := range state.Result.Services {
			out[state.Result.Services[i].Settings.VersionLabel] = true
		}
		for i := range state.Result.SubsetRules {
			for _, subset := range state.Result.SubsetRules[i].Subsets {
				add(subset.Labels)
			}
		}
		usedByUsers(s, add)
	}
	return out
}

// usedByUsers adds the labels that objects of the user's select by.
func usedByUsers(s *model.Snapshot, add func(map[string]string)) {
	for i := range s.DestinationRules {
		spec := s.DestinationRules[i].Spec
		add(spec.GetWorkloadSelector().GetMatchLabels())
		for _, subset := range spec.GetSubsets() {
			add(subset.GetLabels())
		}
	}
	for i := range s.Sidecars {
		add(s.Sidecars[i].Spec.GetWorkloadSelector().GetLabels())
	}
	for i := range s.ServiceEntries {
		add(s.ServiceEntries[i].Spec.GetWorkloadSelector().GetLabels())
	}
	for i := range s.VirtualServices {
		for _, h := range s.VirtualServices[i].Spec.GetHttp() {
			for _, m := range h.GetMatch() {
				add(m.GetSourceLabels())
			}
		}
	}
}

// usesLabel reports whether routes may depend on a label.
func (s *side) usesLabel(key string) bool { return s.used[key] || strings.Contains(key, "istio.io/") }

// labelText writes the labels on which routes may depend.
func (s *side) labelText(labels map[string]string) string {
	kept := labels
	for key := range labels {
		if s.usesLabel(key) {
			continue
		}
		if len(kept) == len(labels) {
			kept = maps.Clone(labels)
		}
		delete(kept, key)
	}
	return model.LabelString(kept)
}

// relabelled lists the workloads of both states whose pods differ in labels on which no route
// depends.
func relabelled(before, after *side) []Relabelled {
	found := map[diag.Object]map[string]bool{}
	for host, a := range after.services {
		b := before.services[host]
		if b == nil {
			continue
		}
		for i := range a.Backends {
			w := &a.Backends[i]
			at := slices.IndexFunc(b.Backends, func(o model.Backend) bool { return o.Workload == w.Workload })
			if at < 0 {
				continue
			}
			for _, key := range differing(b.Backends[at].Labels, w.Labels) {
				if after.usesLabel(key) {
					continue
				}
				object := diag.Object{Kind: w.Workload.Kind, Namespace: a.Namespace, Name: w.Workload.Name}
				if found[object] == nil {
					found[object] = map[string]bool{}
				}
				found[object][key] = true
			}
		}
	}
	out := make([]Relabelled, 0, len(found))
	for object, keys := range found {
		out = append(out, Relabelled{object, slices.Sorted(maps.Keys(keys))})
	}
	slices.SortFunc(out, func(a, b Relabelled) int { return a.Workload.Compare(b.Workload) })
	return out
}

// differing lists the keys whose values differ.
func differing(a, b map[string]string) []string {
	var out []string
	for _, key := range union(slices.Collect(maps.Keys(a)), slices.Collect(maps.Keys(b))) {
		was, had := a[key]
		if is, has := b[key]; is != was || has != had {
			out = append(out, key)
		}
	}
	return out
}

// differingText lists the keys of two texts of labels whose values differ.
func differingText(a, b []string) []string {
	pairs := func(texts []string) map[string]string {
		out := map[string]string{}
		for _, text := range texts {
			for pair := range strings.SplitSeq(text, ",") {
				if key, value, found := strings.Cut(pair, "="); found {
					out[key] += "," + value
				}
			}
		}
		return out
	}
	return differing(pairs(a), pairs(b))
}

// unreadOf adds the endpoints of a Service that are not read, to the extent that a subset may
// have them.
func (v *view) unreadOf(s *model.Service, to mesh.Cluster, labels map[string]string, out pods) {
	for i := range s.Unread {
		if u := &s.Unread[i]; to.Subset == "" || u.Labels != nil && model.HasLabels(u.Labels, labels) {
			out.add(u.Object.String(), v.labelText(u.Labels))
		}
	}
}
