package compile

import (
	"cmp"
	"maps"
	"math"
	"slices"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// pin holds ordinary traffic to the released pods.
type pin struct {
	// needed is set where others than the released pods stand behind the Service.
	needed bool
	// parts are the subsets that ordinary traffic is pinned to. Empty means the
	// whole Service: where no pin is needed, or none can be made.
	parts []part
}

// part is one subset of a pin.
type part struct {
	labels map[string]string
	// weight is relative to that of the other parts.
	weight int32
	// version is set for a part that is all pods of one version.
	version string
	subset  string
}

// choosePin decides how ordinary traffic is held to the released pods. As long
// as nothing but released pods stands behind the Service nothing has to be made; unless
// not all of them are what is remembered, which would be forgotten.
func (c *compiler) choosePin(s *service) {
	if !s.hasOthers() && !s.pinStays() {
		return
	}
	defer c.checkUnread(s)
	s.pin.needed = true
	c.warnOfOtherPorts(s)
	switch {
	case s.released.awaited:
		s.pin.parts = byAwaited(s)
		return
	case s.leftAlone, (s.released.gone || s.released.missing) && !s.withoutPreviews():
		return
	}
	if parts, ok := c.findPin(s); ok {
		s.pin.parts = parts
		c.sayByVersion(s)
		return
	}
	for i := range s.backends {
		s.backends[i].ordinary = s.backends[i].released
	}
	c.say(s, diag.OrdinaryTrafficShared, "no labels tell the released pods (%s) from the others: ordinary traffic is shared by all pods", s.released.why)
}

// sayByVersion says where a rolling update that changes the version label moves the pin.
func (c *compiler) sayByVersion(s *service) {
	var of []string
	for _, b := range s.backends {
		if b.ordinary && b.Workload.Kind != "Pod" && !slices.Contains(of, b.Workload.String()) {
			of = append(of, b.Workload.String())
		}
	}
	if s.pin.parts[0].version == "" || len(of) == 0 || c.options.Static {
		return
	}
	c.say(s, diag.PinnedByVersion, "only the version tells the pods of %s from others: ordinary traffic is pinned by it, and the pin moves when it changes", list(of))
}

// pinStays reports whether a pin is to be there though all pods are released.
func (s *service) pinStays() bool { return s.released.standIn || s.released.joined }

// withoutPreviews has all pods of s get ordinary traffic that are no previews, since what
// is released is not there. It reports whether there are both.
func (s *service) withoutPreviews() bool {
	if n := len(candidates(s)); n == 0 || n == len(s.backends) {
		return false
	}
	for i := range s.backends {
		s.backends[i].ordinary = !s.backends[i].preview
	}
	return true
}

// findPin looks for labels that tell the pods that are to get ordinary traffic from all
// others.
func (c *compiler) findPin(s *service) ([]part, bool) {
	if parts, ok := bySelector(s); ok {
		return parts, true
	}
	if parts, ok := byOwnLabels(s); ok {
		return parts, true
	}
	parts, ok := byVersions(s)
	if ok && len(parts) > 1 && c.keepsTogether(s) {
		if one, ok := byCommonLabels(s); ok {
			return one, true
		}
	}
	return parts, ok
}

// byAwaited pins to pods that are not there: those that are named or remembered as
// released. When they come, the pin is there already.
func byAwaited(s *service) []part {
	var parts []part
	versions := s.settings.ReleasedVersions
	if !s.named() {
		if len(s.memory.Pinned) > 0 {
			parts = append(parts, part{labels: s.memory.Pinned})
		}
		for _, r := range s.memory.Released {
			if r.Version != "" {
				versions = append(slices.Clip(versions), r.Version)
			}
		}
	}
	for _, v := range versions {
		parts = append(parts, part{labels: map[string]string{s.settings.VersionLabel: v}, version: v})
	}
	for _, p := range parts {
		if model.FirstWithLabels(s.Backends, p.labels) == nil {
			return []part{p}
		}
	}
	// All that stands behind the Service is labelled otherwise.
	return []part{{labels: map[string]string{PreviewLabel: "false"}}}
}

func (c *compiler) warnOfOtherPorts(s *service) {
	for _, p := range s.Ports {
		if !p.HTTP {
			c.say(s, diag.NonHTTPPortShared, "port %d does not carry HTTP: its traffic is shared by the pods of all versions", p.Number)
		}
	}
}

// bySelector pins to the released workload's own selector labels, where these
// tell its pods from all others: they never change during a rolling update.
func bySelector(s *service) ([]part, bool) {
	var selector map[string]string
	for _, b := range s.backends {
		if !b.ordinary {
			continue
		}
		if len(b.Selector) == 0 || (selector != nil && !maps.Equal(selector, b.Selector)) {
			return nil, false
		}
		selector = b.Selector
	}
	for _, b := range s.backends {
		if model.HasLabels(b.Labels, selector) != b.ordinary {
			return nil, false
		}
	}
	return []part{{labels: selector}}, selector != nil
}

// passing are labels that say which version or release of something pods are, so that the
// pods of the next one have another value.
var passing = []string{"app.kubernetes.io/version", "helm.sh/chart", "chart", "release-version", "commit", "tag"}

// telling are labels that people use to tell groups of pods of one application apart.
var telling = []string{"overrides.mesh/preview", "track", "app.kubernetes.io/instance", "app.kubernetes.io/name", "app.kubernetes.io/component", "app", "name", "k8s-app", "component", "role", "tier", "release", "environment", "env"}

// byOwnLabels pins to one label that all pods have that are to get ordinary traffic, those
// of present templates and of former ones alike, and no other pod has; or to all that they
// have in common, where it takes several. Such a pin stays as it is when the version label
// of a workload changes. The version label is none of them, nor what goes with it.
func byOwnLabels(s *service) ([]part, bool) {
	common := commonLabels(s)
	maps.DeleteFunc(common, func(key, value string) bool {
		return key == s.settings.VersionLabel || s.Selector[key] == value || slices.Contains(passing, key) ||
			slices.ContainsFunc(s.backends, func(b backend) bool { return b.version != "" && value == b.version })
	})
	tells := func(labels map[string]string) bool {
		return len(labels) > 0 && !slices.ContainsFunc(s.backends, func(b backend) bool { return !b.ordinary && model.HasLabels(b.Labels, labels) })
	}
	if !tells(common) {
		return nil, false
	}
	keys := slices.SortedFunc(maps.Keys(common), func(a, b string) int {
		return cmp.Or(compareBool(s.selects(a), s.selects(b)), cmp.Compare(placeIn(telling, a), placeIn(telling, b)), cmp.Compare(a, b))
	})
	for _, key := range keys {
		if one := map[string]string{key: common[key]}; tells(one) {
			return []part{{labels: one}}, true
		}
	}
	return []part{{labels: common}}, true
}

// selects reports whether every workload whose pods are to get ordinary traffic selects
// them by a label, which then never changes.
func (s *service) selects(key string) bool {
	return !slices.ContainsFunc(s.backends, func(b backend) bool { return b.ordinary && b.Selector[key] == "" })
}

func placeIn(list []string, s string) int {
	if i := slices.Index(list, s); i >= 0 {
		return i
	}
	return len(list)
}

// keepsTogether reports whether a rule of a user's keeps requests of a client at one pod:
// a pin of several parts would draw one of these for each request.
func (c *compiler) keepsTogether(s *service) bool {
	hashes := func(l *istioapi.LoadBalancerSettings) bool { return l.GetConsistentHash() != nil }
	return slices.ContainsFunc(c.mesh.UserRules(s.host), func(r *mesh.Rule) bool {
		return hashes(r.Policy.GetLoadBalancer()) || slices.ContainsFunc(r.Policy.GetPortLevelSettings(), func(p *istioapi.TrafficPolicy_PortTrafficPolicy) bool {
			return hashes(p.GetLoadBalancer())
		})
	})
}

// byCommonLabels pins to all labels that the released pods have in common, where no other
// pod has them all.
func byCommonLabels(s *service) ([]part, bool) {
	common := commonLabels(s)
	if len(common) == 0 || slices.ContainsFunc(s.backends, func(b backend) bool { return !b.ordinary && model.HasLabels(b.Labels, common) }) {
		return nil, false
	}
	return []part{{labels: common}}, true
}

// commonLabels returns the labels that all pods have that are to get ordinary traffic.
func commonLabels(s *service) map[string]string {
	var common map[string]string
	for _, b := range s.backends {
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
// template have no share once there are as many ready ones of the present one as there are
// to be: Kubernetes ends them then.
func byVersions(s *service) ([]part, bool) {
	type count struct{ pods, ready int }
	counts := map[string]*count{}
	for i := range s.backends {
		b := &s.backends[i]
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
		if !s.replaced(b) {
			n.pods += b.Pods
			n.ready += b.Ready
		}
	}
	for _, b := range s.backends {
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
				labels:  map[string]string{s.settings.VersionLabel: name},
				weight:  int32(min(weight, math.MaxInt32)), //nolint:gosec // bounded
				version: name,
			})
		}
	}
	return normalized(parts), len(parts) > 0
}

// replaced reports whether pods are of a former template of a workload whose present one
// is whole.
func (s *service) replaced(b *backend) bool {
	return b.Wanted == 0 && slices.ContainsFunc(s.backends, func(o backend) bool {
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
