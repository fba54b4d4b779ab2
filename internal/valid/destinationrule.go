package valid

import (
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"
	istiotype "istio.io/api/type/v1beta1"
)

// DestinationRule returns why Istio would refuse a DestinationRule of a namespace.
func DestinationRule(spec *istioapi.DestinationRule, namespace string) []Problem {
	return new(Checker).DestinationRule(spec, namespace)
}

// DestinationRule is the function of this name (validation.go: ValidateDestinationRule).
func (c *Checker) DestinationRule(spec *istioapi.DestinationRule, namespace string) []Problem {
	c.namespace = namespace
	root := path{}
	if why := badDomain(spec.GetHost()); why != "" {
		here := root.field("host")
		c.add(&here, "%s", why)
	}
	c.trafficPolicy(&root, spec.GetTrafficPolicy())
	names := map[string]bool{}
	for i, s := range spec.GetSubsets() {
		here := root.at("subsets", i)
		if s == nil {
			c.add(&here, "it must not be null")
			continue
		}
		if names[s.GetName()] {
			c.add(&here, "subset %q is given twice", s.GetName())
		}
		names[s.GetName()] = true
		c.subset(&here, s)
	}
	c.exportTo(&root, spec.GetExportTo(), spec.GetWorkloadSelector() != nil)
	c.selector(&root, spec.GetWorkloadSelector())
	return c.take()
}

// subset follows validation.go: validateSubset.
func (c *Checker) subset(at *path, s *istioapi.Subset) {
	if !isLabel(s.GetName()) {
		here := at.field("name")
		c.add(&here, "%q is not a subset name", s.GetName())
	}
	c.labels(at, "labels", s.GetLabels())
	c.trafficPolicy(at, s.GetTrafficPolicy())
}

// selector follows validation.go: validateWorkloadSelector, and the schema.
func (c *Checker) selector(at *path, s *istiotype.WorkloadSelector) {
	const maxLabels = 4096
	here := at.field("workloadSelector")
	if len(s.GetMatchLabels()) > maxLabels {
		c.addSchema(&here, "it has %d labels, but only %d are allowed", len(s.GetMatchLabels()), maxLabels)
	}
	for key, value := range s.GetMatchLabels() {
		field := here.under("matchLabels", key)
		switch {
		case key == "":
			c.add(&field, "a key must not be empty")
		case strings.Contains(key, "*") || strings.Contains(value, "*"):
			c.add(&field, "wildcards are not allowed")
		case len([]rune(value)) > maxLabel:
			c.addSchema(&field, "the value is longer than %d characters", maxLabel)
		}
	}
}
