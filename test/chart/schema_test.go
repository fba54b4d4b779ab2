package chart_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/test/chart"
)

// TestSchema: meaningless values are rejected, and users see where and why.
func TestSchema(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ values, want string }{
		"misspelt":               {"replica: 1", "additional properties 'replica' not allowed"},
		"misspelt within":        {"image: {tags: v1}", "at '/image': additional properties 'tags' not allowed"},
		"no number":              {"replicas: two", "at '/replicas': got string, want integer"},
		"negative":               {"replicas: -1", "at '/replicas'"},
		"no duration":            {"propagationDelay: 5", "at '/propagationDelay': got number, want string"},
		"a duration in words":    {"drainDelay: ten seconds", "at '/drainDelay': 'ten seconds' does not match pattern"},
		"no namespace":           {"namespaces: [Shop]", "at '/namespaces/0': 'Shop' does not match pattern"},
		"twice":                  {"namespaces: [shop, shop]", "at '/namespaces'"},
		"a text for a list":      {"namespaces: shop", "at '/namespaces': got string, want array"},
		"a header with _":        {"headerName: x_override", "at '/headerName'"},
		"log format":             {"logFormat: xml", "at '/logFormat': value must be one of 'text', 'json'"},
		"a flag without dashes":  {"extraArgs: [dry-run]", "at '/extraArgs/0'"},
		"a digest cut short":     {"image: {digest: 'sha256:1234'}", "at '/image/digest'"},
		"a port below 1024":      {"metrics: {port: 80}", "at '/metrics/port'"},
		"both ways to manage":    {"{namespaces: [shop], allNamespaces: true}", "namespaces and allNamespaces exclude each other"},
		"not enough pods to ask": {"{namespaces: [shop], istiodSync: {enabled: true}}", "istiodSync.enabled reads the pods of all namespaces"},
		"nothing to monitor":     {"metrics: {enabled: false, serviceMonitor: {enabled: true}}", "metrics.serviceMonitor.enabled needs metrics.enabled"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var values map[string]any
			check(t, yaml.Unmarshal([]byte(c.values), &values))
			_, err := chart.Render(t.Context(), folder, values)
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("got %v\nwant %q in it", err, c.want)
			}
		})
	}
}

// TestPartOfAnother: a chart that is part of another also gets global values.
func TestPartOfAnother(t *testing.T) {
	t.Parallel()
	render(t, map[string]any{"global": map[string]any{"anything": "at all"}})
}

// TestOldNames: the old names of values have the same effect.
func TestOldNames(t *testing.T) {
	t.Parallel()
	texts := func(text string) []string {
		var values map[string]any
		check(t, yaml.Unmarshal([]byte(text), &values))
		var out []string
		for _, object := range render(t, values).All() {
			out = append(out, object.Text)
		}
		return out
	}
	before := texts("{wait: 5s, keep: 40s, istiodSync: {enabled: true, waitMax: 9s}}")
	now := texts("{propagationDelay: 5s, drainDelay: 40s, istiodSync: {enabled: true, propagationDelayMax: 9s}}")
	if diff := cmp.Diff(now, before); diff != "" {
		t.Errorf("(-new names +old names):\n%s", diff)
	}
	if all := strings.Join(before, ""); !strings.Contains(all, "=5s") || !strings.Contains(all, "=40s") || !strings.Contains(all, "=9s") {
		t.Error("the values have no effect")
	}
}
