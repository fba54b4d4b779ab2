package model

import "slices"

// Base returns the namespace and the name of the Service that s is an isolated version of;
// the name is empty for ordinary Services.
func (s *Service) Base() (namespace, name string) {
	if s.VersionOfIn != "" {
		return s.VersionOfIn, s.VersionOf
	}
	return s.Namespace, s.VersionOf
}

// IsVersionOf reports whether s is annotated as an isolated version of another Service,
// which need not permit it.
func (s *Service) IsVersionOf(other *Service) bool {
	namespace, name := s.Base()
	return name != "" && name == other.Name && namespace == other.Namespace
}

// BaseText names the Service that s is an isolated version of, as in its namespace: "cart",
// or "cart.shop" for one of another namespace.
func (s *Service) BaseText() string {
	if s.VersionOfIn != "" {
		return s.VersionOf + "." + s.VersionOfIn
	}
	return s.VersionOf
}

// NamespaceSelector says which namespaces something is permitted to: isolated versions of a
// Service, or routes at a listener. The zero value permits none.
type NamespaceSelector struct {
	// All is set if all are permitted.
	All bool
	// Selector selects those that are by their labels: all of its requirements have to be met.
	// It is empty for none.
	Selector []Requirement
}

// Requirement is a condition on labels, as in a label selector of Kubernetes.
type Requirement struct {
	Key string
	// Operator is "In", "NotIn", "Exists" or "DoesNotExist".
	Operator string
	Values   []string
}

// NamespaceNameLabel is the label of a namespace that has its name. The API server sets it,
// and nobody can change it.
const NamespaceNameLabel = "kubernetes.io/metadata.name"

// Permits reports whether a namespace is permitted. The labels are nil if they are not known;
// then known is false if they decide.
func (p *NamespaceSelector) Permits(namespace string, labels map[string]string) (permitted, known bool) {
	switch {
	case p == nil || !p.All && len(p.Selector) == 0:
		return false, true
	case p.All:
		return true, true
	}
	known = true
	for i := range p.Selector {
		switch r := &p.Selector[i]; {
		case r.Key == NamespaceNameLabel:
			if !r.isMet(namespace, true) {
				return false, true
			}
		case labels == nil:
			known = false
		default:
			if value, has := labels[r.Key]; !r.isMet(value, has) {
				return false, true
			}
		}
	}
	return known, known
}

// isMet reports whether a value meets r; has is false if there is no label of that key.
func (r *Requirement) isMet(value string, has bool) bool {
	switch r.Operator {
	case "In":
		return has && slices.Contains(r.Values, value)
	case "NotIn":
		return !has || !slices.Contains(r.Values, value)
	case "Exists":
		return has
	case "DoesNotExist":
		return !has
	}
	return false
}
