package valid

import (
	"math"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"
)

// loadBalancer follows validation.go: validateLoadBalancer.
func (c *Checker) loadBalancer(parent *path, lb *istioapi.LoadBalancerSettings) {
	if lb == nil {
		return
	}
	at := parent.field("loadBalancer")
	if simple, ok := lb.GetLbPolicy().(*istioapi.LoadBalancerSettings_Simple); ok {
		c.enum(&at, "simple", simple.Simple)
	}
	if h := lb.GetConsistentHash(); h != nil {
		here := at.field("consistentHash")
		c.consistentHash(&here, h)
	}
	if lb.GetLocalityLbSetting() != nil && lb.GetZoneAwareLbSetting() != nil {
		c.add(&at, "localityLbSetting and zoneAwareLbSetting can't be combined")
	}
	c.locality(&at, lb.GetLocalityLbSetting())
	c.zoneAware(&at, lb.GetZoneAwareLbSetting())
	c.warmup(&at, lb.GetWarmup())
	c.schemaDuration(&at, "warmupDurationSecs", lb.GetWarmupDurationSecs())
}

func (c *Checker) consistentHash(at *path, h *istioapi.LoadBalancerSettings_ConsistentHashLB) {
	if cookie := h.GetHttpCookie(); cookie != nil {
		here := at.field("httpCookie")
		if cookie.GetName() == "" {
			c.add(&here, "the cookie has no name")
		}
		var names []string
		for i, a := range cookie.GetAttributes() {
			field := here.at("attributes", i)
			switch {
			case a.GetName() == "":
				c.add(&field, "the attribute has no name")
			case slices.Contains(names, a.GetName()):
				c.add(&field, "attribute %q is given twice", a.GetName())
			}
			names = append(names, a.GetName())
		}
	}
	if h.GetMinimumRingSize() != 0 && h.GetHashAlgorithm() != nil { //nolint:staticcheck // deprecated, and still followed by Istio
		c.add(at, "minimumRingSize excludes ringHash and maglev")
	}
	if m := h.GetMaglev(); m != nil && (m.GetTableSize() >= 5000011 || !isPrime(m.GetTableSize())) {
		here := at.field("maglev")
		c.add(&here, "tableSize is not a prime number less than 5000011")
	}
}

// isPrime follows validation.go: isPrime.
func isPrime(n uint64) bool {
	switch {
	case n == 0:
		return false
	case n < 4:
		return true
	case n%2 == 0:
		return false
	}
	for factor := uint64(3); factor <= uint64(math.Sqrt(float64(n))); factor += 2 {
		if n%factor == 0 {
			return false
		}
	}
	return true
}

// warmup follows validation.go: validateLoadBalancer, and the schema.
func (c *Checker) warmup(at *path, w *istioapi.WarmupConfiguration) {
	if w == nil {
		return
	}
	here := at.field("warmup")
	if w.GetDuration() == nil {
		c.add(&here, "it needs a duration")
	}
	c.optionalDuration(&here, "duration", w.GetDuration())
	if p := w.GetMinimumPercent(); p != nil {
		field := here.field("minimumPercent")
		switch {
		case p.GetValue() > 100:
			c.add(&field, "%v is more than 100", p.GetValue())
		case p.GetValue() < 0:
			c.addSchema(&field, "%v is less than 0", p.GetValue())
		}
		c.finite(&field, p.GetValue())
	}
	if a := w.GetAggression(); a != nil {
		field := here.field("aggression")
		if a.GetValue() <= 0 {
			c.add(&field, "%v is not more than 0", a.GetValue())
		}
		c.finite(&field, a.GetValue())
	}
}

// locality follows pkg/config/validation/agent: ValidateLocalityLbSetting.
func (c *Checker) locality(at *path, l *istioapi.LocalityLoadBalancerSetting) {
	if l == nil {
		return
	}
	here := at.field("localityLbSetting")
	if len(l.GetDistribute()) > 0 && len(l.GetFailover()) > 0 {
		c.add(&here, "distribute and failover can't be combined")
	}
	if len(l.GetFailover()) > 0 && slices.ContainsFunc(l.GetFailoverPriority(), isTopology) {
		c.add(&here, "failover and topology labels in failoverPriority can't be combined")
	}
	from := make([]string, 0, len(l.GetDistribute()))
	for i, d := range l.GetDistribute() {
		field := here.at("distribute", i)
		c.distribute(&field, d)
		from = append(from, d.GetFrom())
	}
	// Istio checks the source localities in their order.
	if why := badLocalities(from); why != "" {
		c.add(&here, "from: %s", why)
	}
	for i, f := range l.GetFailover() {
		field := here.at("failover", i)
		c.failover(&field, f.GetFrom(), f.GetTo())
	}
}

func (c *Checker) distribute(at *path, d *istioapi.LocalityLoadBalancerSetting_Distribute) {
	total, to := uint32(0), make([]string, 0, len(d.GetTo()))
	for locality, weight := range d.GetTo() {
		if weight == 0 || weight > 100 {
			c.add(at, "the weight of %q is not between 1 and 100", locality)
		}
		total += weight
		to = append(to, locality)
	}
	if total != 100 {
		c.add(at, "the weights add up to %d, not to 100", total)
	}
	// Istio takes these in no order, and may or may not see that some overlap.
	slices.Sort(to)
	if why := badLocalities(to); why != "" {
		c.add(at, "to: %s", why)
	}
}

func isTopology(label string) bool {
	return label == "topology.kubernetes.io/region" || label == "topology.kubernetes.io/zone" || label == "topology.istio.io/subzone"
}

// zoneAware follows pkg/config/validation/agent: ValidateZoneAwareLbSetting, and the schema.
func (c *Checker) zoneAware(at *path, z *istioapi.ZoneAwareLoadBalancerSetting) {
	if z == nil {
		return
	}
	here := at.field("zoneAwareLbSetting")
	if slices.ContainsFunc(z.GetFailoverPriority(), isTopology) {
		c.add(&here, "failoverPriority must not have labels of topology")
	}
	for i, f := range z.GetFailover() {
		field := here.at("failover", i)
		c.failover(&field, f.GetFrom(), f.GetTo())
	}
	if n := z.GetMinClusterSize(); n != nil && n.GetValue() == 0 {
		field := here.field("minClusterSize")
		c.addSchema(&field, "it is less than 1")
	}
}

func (c *Checker) failover(at *path, from, to string) {
	if from == to {
		c.add(at, "from and to are the same region")
	}
	if strings.ContainsAny(from+to, "/*") {
		c.add(at, "from and to are regions, without \"/\" and \"*\"")
	}
}

// badLocalities follows pkg/config/validation/agent: validateLocalities. Each is
// "region", "region/zone" or "region/zone/subzone", the last of which may be or end
// in "*"; none may be within an earlier one, or the other way round.
func badLocalities(localities []string) string {
	const parts = 3
	for i, l := range localities {
		if n := strings.Count(l, "*"); n > 1 || (n == 1 && !strings.HasSuffix(l, "*")) {
			return "\"*\" may stand at the end only: " + l
		}
		items := strings.SplitN(l, "/", parts)
		if slices.Contains(items, "") {
			return "a part is empty: " + l
		}
		for _, earlier := range localities[:i] {
			if within(items, strings.SplitN(earlier, "/", parts)) {
				return earlier + " and " + l + " overlap"
			}
		}
	}
	return ""
}

// within reports whether a locality is within an earlier one, or the other way
// round. An earlier "*" is everything there; a later one is taken as it stands.
func within(later, earlier []string) bool {
	for i := range min(len(later), len(earlier)) {
		if earlier[i] != "*" && earlier[i] != later[i] {
			return false
		}
	}
	return true
}
