package valid

import (
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Metadata returns why an API server would refuse the name, the namespace, the
// labels or the annotations of an object (k8s.io/apimachinery/pkg/api/validation:
// ValidateObjectMetaAccessor).
func Metadata(meta *metav1.ObjectMeta) []Problem {
	var c Checker
	root := path{name: "metadata"}
	if !isSubdomain(meta.Name) {
		here := root.field("name")
		c.add(&here, "%q is not an object name", meta.Name)
	}
	if !isLowerLabel(meta.Namespace) {
		here := root.field("namespace")
		c.add(&here, "%q is not a namespace", meta.Namespace)
	}
	for key, value := range meta.Labels {
		here := root.under("labels", key)
		if !isQualifiedName(key) {
			c.add(&here, "%q is not a label key", key)
		}
		if value != "" && (len(value) > maxLabel || !isQualified(value)) {
			c.add(&here, "%q is not a label value", value)
		}
	}
	const maxAnnotations = 256 << 10
	size := 0
	for key, value := range meta.Annotations {
		if !isQualifiedName(strings.ToLower(key)) {
			here := root.under("annotations", key)
			c.add(&here, "%q is not an annotation key", key)
		}
		size += len(key) + len(value)
	}
	if size > maxAnnotations {
		here := root.field("annotations")
		c.add(&here, "they have %d bytes, but only %d are allowed", size, maxAnnotations)
	}
	return c.take()
}

// isLowerLabel reports whether s is a DNS-1123 label as in Kubernetes.
func isLowerLabel(s string) bool { return isLabel(s) && s == strings.ToLower(s) }

// isSubdomain reports whether s is a DNS-1123 subdomain. The length of its labels is not
// limited separately.
func isSubdomain(s string) bool {
	const maxName = 253
	if len(s) > maxName || s != strings.ToLower(s) {
		return false
	}
	for part := range strings.SplitSeq(s, ".") {
		if !isLabelText(part) {
			return false
		}
	}
	return true
}

// isQualifiedName reports whether s is a label key: a name, optionally with a domain and
// "/" before it.
func isQualifiedName(s string) bool {
	if prefix, name, ok := strings.Cut(s, "/"); ok {
		if !isSubdomain(prefix) {
			return false
		}
		s = name
	}
	return len(s) <= maxLabel && isQualified(s)
}
