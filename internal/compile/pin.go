package compile

import (
	"cmp"
	"maps"
	"math"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// pin holds ordinary traffic to the released pods.
type pin struct {
	// needed is set if not all pods behind the Service are released.
	needed bool
	// parts are the subsets that ordinary traffic is pinned to. Empty means the
	// whole Service: no pin is needed, or none is possible.
	parts []part
}

// part is one subset of a pin.
type part struct {
	labels map[string]string
	// weight is relative to that of the other parts.
	weight int32
	// version is set for a part that is all pods of one version.
	version string
	// subset is its name in a DestinationRule. [planSubsets] names it.
	subset string
}

// pinning decides how ordinary traffic to one Service is held to the released pods.
type pinning struct {
	*given
	released *released
	// pods are the backends, of which the released ones are marked.
	pods    []backend
	skipped bool
}

// choosePin returns the pin of s, and its pods with marks on those that get ordinary
// traffic. A Service that has released pods only needs no pin, unless it must go on to
// remember some that are not among them.
func choosePin(ix *index, s *service, r *reporter) (pin, []backend) {
	if !anyUnreleased(s.pods) && !s.released.pinStays() {
		return pin{}, s.pods
	}
	x := pinning{given: &s.given, released: &s.released, pods: s.pods, skipped: s.skipped != nil}
	parts := x.parts(ix, r)
	reportOtherPorts(s.Service, r)
	if s.skipped == nil || s.skipped.code != diag.ReleasedUnknown { // which says so
		reportUnreadPinned(s.Service, parts, s.released.why, r)
	}
	return pin{needed: true, parts: parts}, x.pods
}

// parts returns the subsets of the pin; none if no pin is possible.
func (x *pinning) parts(ix *index, r *reporter) []part {
	released := x.pods
	switch {
	case x.released.awaited:
		return x.awaitedParts()
	case x.skipped, (x.released.gone || x.released.missing) && !x.allButPreviews():
		return nil
	}
	parts, ok := x.find(ix)
	if !ok {
		reportClash(x.given, x.pods, x.released.why, r)
		x.pods = released
		return nil
	}
	x.reportByVersion(parts, ix, r)
	return parts
}

// allButPreviews gives ordinary traffic to all pods that are no previews, since the
// released ones are not there. It reports whether there are both kinds.
func (x *pinning) allButPreviews() bool {
	if n := len(candidates(x.pods)); n == 0 || n == len(x.pods) {
		return false
	}
	x.pods = slices.Clone(x.pods)
	for i := range x.pods {
		x.pods[i].ordinary = !x.pods[i].preview
	}
	return true
}

// reportByVersion reports that a rolling update which changes the version label moves the
// pin.
func (x *pinning) reportByVersion(parts []part, ix *index, r *reporter) {
	var workloads []string
	for _, b := range x.pods {
		if b.ordinary && b.Workload.Kind != "Pod" && !slices.Contains(workloads, b.Workload.String()) {
			workloads = append(workloads, b.Workload.String())
		}
	}
	if parts[0].version != "" && len(workloads) > 0 && !ix.options.Static {
		r.report(x.Service, diag.PinnedByVersion, "only the version tells the pods of %s from others: ordinary traffic is pinned by it, and the pin moves when it changes", enumerate(workloads))
	}
}

// find looks for labels that tell the pods that get ordinary traffic from all others.
func (x *pinning) find(ix *index) ([]part, bool) {
	if parts, ok := bySelector(x.pods); ok {
		return parts, true
	}
	if parts, ok := byOwnLabels(x.given, x.pods); ok {
		return parts, true
	}
	parts, ok := byVersions(x.pods, x.settings.VersionLabel)
	if ok && len(parts) > 1 && ix.keepsTogether(x.host) {
		if one, ok := byCommonLabels(x.pods); ok {
			return one, true
		}
	}
	return parts, ok
}

// awaitedParts pins to pods that are not there: those that are named or remembered as
// released. When they come, the pin is there already.
func (x *pinning) awaitedParts() []part {
	var parts []part
	versions := x.settings.ReleasedVersions
	if memory := x.released.memory; !x.named() {
		if len(memory.Pinned) > 0 {
			parts = append(parts, part{labels: memory.Pinned})
		}
		for _, r := range memory.Released {
			if r.Version != "" {
				versions = append(slices.Clip(versions), r.Version)
			}
		}
	}
	for _, v := range versions {
		parts = append(parts, part{labels: map[string]string{x.settings.VersionLabel: v}, version: v})
	}
	for _, p := range parts {
		if model.FirstWithLabels(x.Backends, p.labels) == nil {
			return []part{p}
		}
	}
	// Some pods behind the Service have each of these labels. All are previews.
	return []part{{labels: map[string]string{PreviewLabel: "false"}}}
}

func reportOtherPorts(s *model.Service, r *reporter) {
	for _, p := range s.Ports {
		if !p.HTTP {
			r.report(s, diag.NonHTTPPortShared, "port %d does not carry HTTP: the pods of all versions share its traffic", p.Number)
		}
	}
}

// bySelector pins to the labels by which the released workload selects its pods, where
// these tell them from all others: a rolling update never changes them.
func bySelector(pods []backend) ([]part, bool) {
	var selector map[string]string
	for _, b := range pods {
		if !b.ordinary {
			continue
		}
		if len(b.Selector) == 0 || (selector != nil && !maps.Equal(selector, b.Selector)) {
			return nil, false
		}
		selector = b.Selector
	}
	for _, b := range pods {
		if model.HasLabels(b.Labels, selector) != b.ordinary {
			return nil, false
		}
	}
	return []part{{labels: selector}}, selector != nil
}

// passingLabels say which version or release pods are of, so that the pods of the next one
// have another value.
var passingLabels = []string{"app.kubernetes.io/version", "helm.sh/chart", "chart", "release-version", "commit", "tag"}

// tellingLabels are labels by which people tell groups of pods of one application apart.
var tellingLabels = []string{"overrides.mesh/preview", "track", "app.kubernetes.io/instance", "app.kubernetes.io/name", "app.kubernetes.io/component", "app", "name", "k8s-app", "component", "role", "tier", "release", "environment", "env"}

// byOwnLabels pins to one label that all pods with ordinary traffic have and no other pod
// has, in present templates and in former ones alike; or to all labels that they have in
// common, if no single one is enough. Such a pin stays as it is when the version label of a
// workload changes: it has neither that label nor any other that changes with it.
func byOwnLabels(g *given, pods []backend) ([]part, bool) {
	common := commonLabels(pods)
	maps.DeleteFunc(common, func(key, value string) bool {
		return key == g.settings.VersionLabel || g.Selector[key] == value || slices.Contains(passingLabels, key) ||
			slices.ContainsFunc(pods, func(b backend) bool { return b.version != "" && value == b.version })
	})
	tell := func(labels map[string]string) bool {
		return len(labels) > 0 && !slices.ContainsFunc(pods, func(b backend) bool { return !b.ordinary && model.HasLabels(b.Labels, labels) })
	}
	if !tell(common) {
		return nil, false
	}
	keys := slices.SortedFunc(maps.Keys(common), func(a, b string) int {
		return cmp.Or(compareBool(selectBy(pods, a), selectBy(pods, b)), cmp.Compare(placeIn(tellingLabels, a), placeIn(tellingLabels, b)), cmp.Compare(a, b))
	})
	for _, key := range keys {
		if one := map[string]string{key: common[key]}; tell(one) {
			return []part{{labels: one}}, true
		}
	}
	return []part{{labels: common}}, true
}

// selectBy reports whether every workload whose pods get ordinary traffic selects them by a
// label, which then never changes.
func selectBy(pods []backend, key string) bool {
	return !slices.ContainsFunc(pods, func(b backend) bool { return b.ordinary && b.Selector[key] == "" })
}

func placeIn(list []string, s string) int {
	if i := slices.Index(list, s); i >= 0 {
		return i
	}
	return len(list)
}

// byCommonLabels pins to all labels that the pods with ordinary traffic have in common, if
// no other pod has them all.
func byCommonLabels(pods []backend) ([]part, bool) {
	common := commonLabels(pods)
	if len(common) == 0 || slices.ContainsFunc(pods, func(b backend) bool { return !b.ordinary && model.HasLabels(b.Labels, common) }) {
		return nil, false
	}
	return []part{{labels: common}}, true
}

// commonLabels returns the labels that all pods with ordinary traffic have.
func commonLabels(pods []backend) map[string]string {
	var common map[string]string
	for _, b := range pods {
		if !b.ordinary {
			continue
		}
		if common == nil {
			common = maps.Clone(b.Labels)
		}
		maps.DeleteFunc(common, func(key, value string) bool { is, ok := b.Labels[key]; return !ok || is != value })
	}
	return common
}

// byVersions pins to the released versions, weighted by their ready pods. Pods of a former
// template have no share once all pods of the present template are ready: Kubernetes ends
// the former ones then.
func byVersions(pods []backend, versionLabel string) ([]part, bool) {
	type count struct{ pods, ready int }
	counts := map[string]*count{}
	for i := range pods {
		b := &pods[i]
		if !b.ordinary {
			continue
		}
		if b.version == "" {
			return nil, false
		}
		n := counts[b.version]
		if n == nil {
			n = &count{}
			counts[b.version] = n
		}
		if !isReplaced(pods, b) {
			n.pods += b.Pods
			n.ready += b.Ready
		}
	}
	for _, b := range pods {
		if !b.ordinary && counts[b.version] != nil {
			return nil, false
		}
	}
	totalReady, totalPods := 0, 0
	for _, n := range counts {
		totalReady += n.ready
		totalPods += n.pods
	}
	var parts []part
	for _, name := range slices.Sorted(maps.Keys(counts)) {
		weight := 1
		switch {
		case totalReady > 0:
			weight = counts[name].ready
		case totalPods > 0:
			weight = counts[name].pods
		}
		if weight > 0 {
			parts = append(parts, part{
				labels:  map[string]string{versionLabel: name},
				weight:  int32(min(weight, math.MaxInt32)), //nolint:gosec // bounded
				version: name,
			})
		}
	}
	return normalized(parts), len(parts) > 0
}

// isReplaced reports whether pods are of a former template of a workload whose present
// template has all its pods ready.
func isReplaced(pods []backend, b *backend) bool {
	return b.Wanted == 0 && slices.ContainsFunc(pods, func(o backend) bool {
		return o.ordinary && o.Workload == b.Workload && o.Wanted > 0 && o.Ready >= o.Wanted
	})
}

// normalized divides the weights of parts by their greatest common divisor;
// a single part has no weight.
func normalized(parts []part) []part {
	if len(parts) == 1 {
		parts[0].weight = 0
		return parts
	}
	divisor := int32(0)
	for _, p := range parts {
		divisor = gcd(divisor, p.weight)
	}
	for i := range parts {
		parts[i].weight /= max(divisor, 1)
	}
	return parts
}

func gcd[N int32 | int64](a, b N) N {
	for b != 0 {
		a, b = b, a%b
	}
	return a
}
