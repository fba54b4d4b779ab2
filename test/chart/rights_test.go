package chart_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/overrides-mesh/overrides/test/chart"
)

// TestRights: the list of the operator's rights in the documentation is that of the chart, with
// each feature by itself.
func TestRights(t *testing.T) {
	t.Parallel()
	documented := documentedRights(t)
	features := map[string]bool{"": true}
	for feature := range documented {
		features[feature] = true
	}
	for feature := range features {
		values := map[string]any{"gatewayPolicies": map[string]any{"enabled": false}}
		want := maps.Clone(documented[""])
		if feature != "" {
			values[feature] = map[string]any{"enabled": true}
			maps.Copy(want, documented[feature])
		}
		got := operatorRights(t, values)
		if diff := cmp.Diff(slices.Sorted(maps.Keys(want)), slices.Sorted(maps.Keys(got))); diff != "" {
			t.Errorf("with %q (-documented +granted):\n%s", feature, diff)
		}
	}
}

var quoted = regexp.MustCompile("`([^`]+)`")

// documentedRights reads docs/install.md: by feature, rights as "cluster: list pods.core".
func documentedRights(t *testing.T) map[string]map[string]bool {
	t.Helper()
	text, err := os.ReadFile("../../docs/install.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(text), "<!-- rights -->\n")
	table, _, found := strings.Cut(table, "<!-- /rights -->")
	if !found {
		t.Fatal("docs/install.md has no list of rights")
	}
	names := func(cell string) []string {
		var out []string
		for _, match := range quoted.FindAllStringSubmatch(cell, -1) {
			out = append(out, match[1])
		}
		return out
	}
	out := map[string]map[string]bool{}
	for line := range strings.Lines(table) {
		cells := strings.Split(line, "|")
		if len(cells) < 7 || len(names(cells[1])) == 0 {
			continue
		}
		feature := strings.Join(names(cells[5]), "")
		if out[feature] == nil {
			out[feature] = map[string]bool{}
		}
		for _, resource := range names(cells[2]) {
			for verb := range strings.SplitSeq(cells[3], ",") {
				out[feature][fmt.Sprintf("%s: %s %s.%s", strings.TrimSpace(cells[4]), strings.TrimSpace(verb), resource, names(cells[1])[0])] = true
			}
		}
	}
	return out
}

// operatorRights returns what the chart grants to the operator, in the same form.
func operatorRights(t *testing.T, values map[string]any) map[string]bool {
	t.Helper()
	rendered, err := chart.Render(t.Context(), "../../"+chart.Folder, values)
	if err != nil {
		t.Fatal(err)
	}
	bound := map[string]bool{}
	for i := range rendered.Objects {
		if o := &rendered.Objects[i]; strings.HasSuffix(o.GetKind(), "RoleBinding") {
			bound[strings.TrimSuffix(o.GetKind(), "Binding")+o.GetNamespace()+"/"+o.GetName()] = true
		}
	}
	where := map[string]string{"": "cluster", chart.Namespace: "own", "istio-system": "root"}
	out := map[string]bool{}
	for i := range rendered.Objects {
		o := &rendered.Objects[i]
		if !bound[o.GetKind()+o.GetNamespace()+"/"+o.GetName()] {
			continue
		}
		var role rbacv1.ClusterRole
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &role); err != nil {
			t.Fatal(err)
		}
		for _, rule := range role.Rules {
			for _, group := range rule.APIGroups {
				if group == "" {
					group = "core"
				}
				for _, resource := range rule.Resources {
					for _, verb := range rule.Verbs {
						out[fmt.Sprintf("%s: %s %s.%s", where[o.GetNamespace()], verb, resource, group)] = true
					}
				}
			}
		}
	}
	return out
}
