package discover

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
)

// VersionOfAnnotation is the annotation of a Service that names the Service it is a version of,
// or the label.
const VersionOfAnnotation = AnnotationPrefix + "version-of"

// BaseOf returns the namespace and the name of the Service that s is annotated, or labelled,
// as a version of. It accepts names that can't be those of a Service.
func BaseOf(s *corev1.Service) (namespace, name string) {
	value, annotated := s.Annotations[VersionOfAnnotation]
	if !annotated {
		value = s.Labels[VersionOfAnnotation]
	}
	namespace, name, _ = parseBase(strings.TrimSpace(value), s.Namespace)
	return namespace, name
}

// parseBase reads "NAME" or "NAME.NAMESPACE", with or without the suffix of Services' hosts.
func parseBase(value, own string) (namespace, name, suffix string) {
	name, rest, _ := strings.Cut(value, ".")
	namespace, suffix, _ = strings.Cut(rest, ".")
	return cmp.Or(namespace, own), name, suffix
}

// readVersionOf reads the name of the Service that s is an isolated version of.
func readVersionOf(s *model.Service, value string) error {
	if namespace, name, found := strings.Cut(value, "/"); found && grammar.ValidateService(name) == nil {
		return fmt.Errorf("write %s.%s", name, namespace)
	}
	namespace, name, suffix := parseBase(value, s.Namespace)
	if err := grammar.ValidateService(name); err != nil {
		return err
	}
	if err := grammar.ValidateNamespace(namespace); err != nil {
		return err
	}
	if suffix != "" && suffix != "svc" && !strings.HasPrefix(suffix, "svc.") {
		return fmt.Errorf("write %s.%s", name, namespace)
	}
	if s.VersionOf = name; namespace != s.Namespace {
		s.VersionOfIn = namespace
	}
	return nil
}

// readPreviewNamespaces reads the namespaces that isolated versions may be in: names, or "*"
// for all.
func readPreviewNamespaces(out **model.NamespaceSelector, value string) error {
	names := split(value)
	if slices.Contains(names, "*") {
		*out = &model.NamespaceSelector{All: true}
		return nil
	}
	for _, n := range names {
		if err := grammar.ValidateNamespace(n); err != nil {
			return err
		}
	}
	*out = &model.NamespaceSelector{}
	if len(names) > 0 {
		**out = namespacesNamed(names...)
	}
	return nil
}

// namespacesNamed selects namespaces by their names.
func namespacesNamed(names ...string) model.NamespaceSelector {
	return model.NamespaceSelector{Selector: []model.Requirement{{Key: model.NamespaceNameLabel, Operator: string(metav1.LabelSelectorOpIn), Values: names}}}
}

// readPreviews reads the same in an OverridePolicy.
func readPreviews(out **model.NamespaceSelector, in *v1alpha1.Previews) error {
	if in == nil {
		return nil
	}
	from, selector := cmp.Or(in.Namespaces.From, v1alpha1.FromNamespacesSame), in.Namespaces.Selector
	if (selector != nil) != (from == v1alpha1.FromNamespacesSelector) {
		return fmt.Errorf("namespaces.selector: it is needed for from: Selector, and for nothing else")
	}
	switch from {
	case v1alpha1.FromNamespacesSame:
		*out = &model.NamespaceSelector{}
	case v1alpha1.FromNamespacesAll:
		*out = &model.NamespaceSelector{All: true}
	case v1alpha1.FromNamespacesSelector:
		namespaces, err := selectorOf(selector)
		if err != nil {
			return fmt.Errorf("namespaces.selector: %w", err)
		}
		*out = &namespaces
	default:
		return fmt.Errorf("namespaces.from: write All, Selector or Same, not %q", from)
	}
	return nil
}

// selectorOf reads a selector of namespaces. An empty one selects all.
func selectorOf(in *metav1.LabelSelector) (model.NamespaceSelector, error) {
	if _, err := metav1.LabelSelectorAsSelector(in); err != nil {
		return model.NamespaceSelector{}, err
	}
	var out model.NamespaceSelector
	for _, key := range slices.Sorted(maps.Keys(in.MatchLabels)) {
		out.Selector = append(out.Selector, model.Requirement{Key: key, Operator: string(metav1.LabelSelectorOpIn), Values: []string{in.MatchLabels[key]}})
	}
	for _, e := range in.MatchExpressions {
		out.Selector = append(out.Selector, model.Requirement{Key: e.Key, Operator: string(e.Operator), Values: e.Values})
	}
	out.All = len(out.Selector) == 0
	return out, nil
}

// namespaceLabels are the labels of the namespaces that were read.
func (o *Objects) namespaceLabels() map[string]map[string]string {
	out := make(map[string]map[string]string, len(o.Namespaces))
	for _, n := range o.Namespaces {
		labels := n.Labels
		if labels == nil {
			labels = map[string]string{} // which are known
		}
		out[n.Name] = labels
	}
	return out
}
