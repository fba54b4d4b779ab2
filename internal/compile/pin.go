package compile

import (
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
// as nothing but released pods stands behind the Service nothing has to be made.
func (c *compiler) choosePin(s *service) {
	if !s.hasOthers() {
		return
	}
	defer c.checkUnread(s)
	s.pin.needed = true
	c.warnOfOtherPorts(s)
	if s.released.gone || !slices.ContainsFunc(s.backends, func(b backend) bool { return b.released }) {
		return
	}
	if parts, ok := bySelector(s); ok {
		s.pin.parts = parts
		return
	}
	if parts, ok := byVersions(s); ok {
		if len(parts) > 1 && c.keepsTogether(s) {
			if one, ok := byCommonLabels(s); ok {
				parts = one
			}
		}
		s.pin.parts = parts
		return
	}
	c.say(s, diag.OrdinaryTrafficShared, "no labels tell the released pods (%s) from the others: ordinary traffic is shared by all pods", s.released.why)
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
		if !b.released {
			continue
		}
		if len(b.Selector) == 0 || (selector != nil && !maps.Equal(selector, b.Selector)) {
			return nil, false
		}
		selector = b.Selector
	}
	for _, b := range s.backends {
		if model.HasLabels(b.Labels, selector) != b.released {
			return nil, false
		}
	}
	return []part{{labels: selector}}, selector != nil
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
	var common map[string]string
	for _, b := range s.backends {
		if !b.released {
			continue
		}
		if common == nil {
			common = maps.Clone(b.Labels)
		}
		maps.DeleteFunc(common, func(key, value string) bool { return b.Labels[key] != value })
	}
	if len(common) == 0 || slices.ContainsFunc(s.backends, func(b backend) bool { return !b.released && model.HasLabels(b.Labels, common) }) {
		return nil, false
	}
	return []part{{labels: common}}, true
}

// byVersions pins to the released versions, weighted by their ready pods.
func byVersions(s *service) ([]part, bool) {
	type count struct{ pods, ready int }
	counts := map[string]*count{}
	for _, b := range s.backends {
		if !b.released {
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
		n.pods += b.Pods
		n.ready += b.Ready
	}
	for _, b := range s.backends {
		if !b.released && counts[b.version] != nil {
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
