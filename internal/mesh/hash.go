package mesh

import (
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/route"
)

// DefaultRetries returns the retry policy of routes that have none.
func (m *Mesh) DefaultRetries() *istioapi.HTTPRetry {
	if r := m.snapshot.Mesh.Retries; r != nil {
		return r
	}
	// pilot/pkg/networking/core/route/retry: newRetryPolicy.
	const attempts = 2
	return &istioapi.HTTPRetry{Attempts: attempts}
}

// Hash returns the hash policy for requests to a destination, for callers of a class; nil
// if there is none. The port of a Service's own route is known; that of other routes only
// if they have one (pilot/pkg/networking/core/route: hashForService,
// HashForHTTPDestination).
func (x *Island) Hash(class *Class, d *route.Destination, own bool) *istioapi.LoadBalancerSettings_ConsistentHashLB {
	rule := x.Rule(class, d.Host)
	if rule == nil {
		return nil
	}
	out := rule.Policy.GetLoadBalancer().GetConsistentHash()
	if h := portHash(rule.Policy, d.Port); h != nil {
		out = h
	}
	if own {
		return out
	}
	// Istio also looks for the subset with an empty name, which never exists.
	if subset, found := rule.Subset(d.Subset); found {
		if h := subset.Policy.GetLoadBalancer().GetConsistentHash(); h != nil {
			out = h
		}
		if h := portHash(subset.Policy, d.Port); h != nil {
			out = h
		}
	}
	return out
}

func portHash(policy *istioapi.TrafficPolicy, port uint32) *istioapi.LoadBalancerSettings_ConsistentHashLB {
	if port == 0 {
		return nil
	}
	for _, l := range policy.GetPortLevelSettings() {
		if l.GetPort().GetNumber() == port {
			return l.GetLoadBalancer().GetConsistentHash()
		}
	}
	return nil
}
