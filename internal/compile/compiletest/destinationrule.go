package compiletest

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	istioapi "istio.io/api/networking/v1alpha3"
	istiotype "istio.io/api/type/v1beta1"

	"github.com/overrides-mesh/overrides/internal/model"
)

func (d *draw) destinationRules() []model.DestinationRule {
	var out []model.DestinationRule
	for i := range pick(d, "DestinationRules", 0, 1, 1, 2, 3, 4) {
		out = append(out, d.destinationRule(i))
	}
	return out
}

func (d *draw) destinationRule(i int) model.DestinationRule {
	f := d.focus()
	r := model.DestinationRule{Namespace: d.ruleNamespace(), Name: fmt.Sprintf("rule-%d", i), Created: d.age(), Revision: d.revision()}
	r.Spec = &istioapi.DestinationRule{Host: d.ruleHost(f, r.Namespace), ExportTo: d.exportTo(r.Namespace), TrafficPolicy: d.policy()}
	if d.has(RuleSelectors) && d.oneIn(2, "selector") {
		r.Spec.WorkloadSelector = &istiotype.WorkloadSelector{MatchLabels: map[string]string{"app": pick(d, "selected", names...)}}
		// Istio lets such a rule be seen in its own namespace and nowhere else.
		r.Spec.ExportTo = pick(d, "exportTo of a rule with a selector", nil, []string{"."})
	}
	r.Spec.Subsets = d.subsets()
	return r
}

func (d *draw) ruleHost(f focus, namespace string) string {
	usual := f.spelling(namespace)
	pool := []string{usual, usual, usual, fqdn(f.name, f.namespace)}
	if d.has(Wildcards | PrivateRules) {
		pool = append(pool, "*.shop.svc.cluster.local", "*.local", "*.local")
	}
	if d.has(Spellings) {
		pool = append(pool, f.name+"."+f.namespace)
	}
	if d.has(Aliases) {
		pool = append(pool, fqdn("alias", "shop"))
	}
	if d.has(ServiceEntries) {
		pool = append(pool, "cart.internal")
	}
	if namespace == rootNamespace && d.has(Wildcards|PrivateRules) && d.oneIn(2, "for all") {
		return "*.local"
	}
	return pick(d, "host of a rule", pool...)
}

func (d *draw) subsets() []*istioapi.Subset {
	pool := []string{"v1", "v2", "v20"}
	if d.has(WideSubsets) {
		pool = append(pool, "stable", "all", "any")
	}
	var out []*istioapi.Subset
	for _, name := range some(d, "subsets of a rule", 0, 3, pool...) {
		s := &istioapi.Subset{Name: name, Labels: map[string]string{"version": name}}
		switch name {
		case "stable":
			s.Labels = map[string]string{"track": "stable"}
		case "all":
			s.Labels = map[string]string{"app": "cart"}
		case "any":
			s.Labels = nil
		}
		if d.oneIn(3, "policy of a subset") {
			s.TrafficPolicy = d.policy()
		}
		out = append(out, s)
	}
	return out
}

// policy draws how a Service is called: with affinity, if that is a shape.
func (d *draw) policy() *istioapi.TrafficPolicy {
	pool := []*istioapi.TrafficPolicy{
		nil,
		{ConnectionPool: &istioapi.ConnectionPoolSettings{Http: &istioapi.ConnectionPoolSettings_HTTPSettings{MaxRetries: 7, Http2MaxRequests: 1_000_000}}},
		{OutlierDetection: &istioapi.OutlierDetection{BaseEjectionTime: durationpb.New(time.Minute)}},
		{Tls: &istioapi.ClientTLSSettings{Mode: istioapi.ClientTLSSettings_DISABLE}},
	}
	if d.has(Affinity) {
		byHash := func(hash *istioapi.LoadBalancerSettings_ConsistentHashLB) *istioapi.LoadBalancerSettings {
			return &istioapi.LoadBalancerSettings{LbPolicy: &istioapi.LoadBalancerSettings_ConsistentHash{ConsistentHash: hash}}
		}
		cookie := byHash(&istioapi.LoadBalancerSettings_ConsistentHashLB{HashKey: &istioapi.LoadBalancerSettings_ConsistentHashLB_HttpCookie{
			HttpCookie: &istioapi.LoadBalancerSettings_ConsistentHashLB_HTTPCookie{Name: "SID", Ttl: durationpb.New(5 * time.Minute)},
		}})
		header := byHash(&istioapi.LoadBalancerSettings_ConsistentHashLB{HashKey: &istioapi.LoadBalancerSettings_ConsistentHashLB_HttpHeaderName{HttpHeaderName: "x-user"}})
		source := byHash(&istioapi.LoadBalancerSettings_ConsistentHashLB{HashKey: &istioapi.LoadBalancerSettings_ConsistentHashLB_UseSourceIp{UseSourceIp: true}})
		pool = append(pool, &istioapi.TrafficPolicy{LoadBalancer: cookie}, &istioapi.TrafficPolicy{LoadBalancer: header},
			&istioapi.TrafficPolicy{PortLevelSettings: []*istioapi.TrafficPolicy_PortTrafficPolicy{{Port: &istioapi.PortSelector{Number: 80}, LoadBalancer: source}}})
	}
	return pick(d, "policy", pool...)
}
