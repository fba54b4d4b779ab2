package preview

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	kjson "sigs.k8s.io/json"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// tree is an object of a manifest, with all fields that it has.
type tree = map[string]any

// parse returns a document as a tree of its own; nil if there is none, or no object.
func parse(document []byte) tree {
	var out tree
	if document == nil || kjson.UnmarshalCaseSensitivePreserveInts(document, &out) != nil {
		return nil
	}
	return out
}

// document returns the document of an object, nil if it is not known.
func (m *maker) document(kind, name string) tree {
	return parse(m.documents[diag.Object{Kind: kind, Namespace: m.Namespace, Name: name}])
}

// within returns the object at a path of fields, nil if there is none.
func within(t tree, path ...string) tree {
	for _, field := range path {
		t, _ = t[field].(tree)
	}
	return t
}

// items returns the objects in a list.
func items(t tree, field string) []tree {
	list, _ := t[field].([]any)
	var out []tree
	for _, item := range list {
		if x, ok := item.(tree); ok {
			out = append(out, x)
		}
	}
	return out
}

// text returns a field that is a string, else "".
func text(t tree, field string) string {
	out, _ := t[field].(string)
	return out
}

// scalar returns a value that is a string or a number as text, else "".
func scalar(value any) string {
	switch v := value.(type) {
	case string:
		return v
	case int64:
		return strconv.FormatInt(v, 10)
	}
	return ""
}

// stringMap returns the strings of an object, such as labels.
func stringMap(t tree) map[string]string {
	out := make(map[string]string, len(t))
	for key, value := range t {
		if s, ok := value.(string); ok {
			out[key] = s
		}
	}
	return out
}

// treeOf returns labels as an object of a manifest.
func treeOf(labels map[string]string) tree {
	out := make(tree, len(labels))
	for key, value := range labels {
		out[key] = value
	}
	return out
}

// toolDomains are the domains of labels and annotations by which tools recognize the objects
// that they made and may delete: none may recognize a preview.
var toolDomains = []string{
	"helm.sh", "meta.helm.sh", "argocd.argoproj.io", "argoproj.io", "rollout.argoproj.io", "kustomize.toolkit.fluxcd.io", "helm.toolkit.fluxcd.io",
	"kapp.k14s.io", "config.k8s.io", "config.kubernetes.io", "cli-utils.sigs.k8s.io", "kubectl.kubernetes.io", "deployment.kubernetes.io",
	"deprecated.daemonset.template.generation", "objectset.rio.cattle.io", "fluxcd.io", "skaffold.dev", "overrides.mesh",
}

// toolLabels are those that belong to no such domain. Argo CD tracks objects by the instance.
var toolLabels = []string{"app.kubernetes.io/managed-by", "app.kubernetes.io/instance", "heritage"}

// passing are labels that say what was released, which is not so of a copy.
var passing = []string{"helm.sh/chart", "chart", "app.kubernetes.io/version", "app.kubernetes.io/managed-by", "heritage"}

// isTools reports whether a label or annotation of an object belongs to a tool.
func isTools(key string) bool {
	domain, _, _ := strings.Cut(key, "/")
	return slices.Contains(toolDomains, domain) || slices.Contains(toolLabels, key)
}

// withoutTools returns labels or annotations of an object without those of tools.
func withoutTools(of map[string]string) map[string]string {
	out := maps.Clone(of)
	maps.DeleteFunc(out, func(key, _ string) bool { return isTools(key) })
	return out
}
