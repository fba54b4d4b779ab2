package chart

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
)

// Folder is the chart's folder in the repository.
const Folder = "charts/overrides"

const generatedNote = "# Made from " + Folder + " by `make manifests`; do not edit.\n"

// plain are the manifests for installations without Helm, by file name in config/install.
var plain = map[string]struct {
	note   string
	values map[string]any
	// adds is set for files that are applied after overrides.yaml, and have only the
	// differences.
	adds bool
}{
	"overrides.yaml": {
		note: "# The operator, for namespaces labelled overrides.mesh/enabled=true.\n",
	},
	"namespaced.yaml": {
		note: "# The operator for one namespace, shop, with permissions in that namespace, and\n" +
			"# to read in istio-system: there are no permissions for the whole cluster. For\n" +
			"# other namespaces, change --namespaces, and copy the Role and RoleBinding.\n",
		values: map[string]any{"namespaces": []any{"shop"}},
	},
	"readiness-gate.yaml": {
		note: "# To apply after overrides.yaml: previews wait until no ordinary request can reach them.\n" +
			"# This replaces the Deployment. The operator fills the Secret and the caBundle.\n",
		values: map[string]any{"readinessGate": map[string]any{"enabled": true}}, adds: true,
	},
	"without-gateway-policies.yaml": {
		note: "# To apply after overrides.yaml: the operator writes no EnvoyFilters and AuthorizationPolicies,\n" +
			"# and has no rights to. Gateways follow overrides of everybody. This replaces the Deployment and\n" +
			"# the ClusterRoles.\n",
		values: map[string]any{"gatewayPolicies": map[string]any{"enabled": false}}, adds: true,
	},
	"grants.yaml": {
		note: "# To apply after overrides.yaml: the operator answers OverrideGrants with tokens, and serves\n" +
			"# the keys that proxies check them with. This replaces the Deployment. Needs Kubernetes 1.30.\n",
		values: map[string]any{"grants": map[string]any{"enabled": true}}, adds: true,
	},
	"trail.yaml": {
		note: "# To apply after overrides.yaml: a collector for trails, and the EnvoyFilter with which all proxies of\n" +
			"# the mesh report requests with overrides to it. Needs Istio's kinds.\n",
		values: map[string]any{"trail": map[string]any{"enabled": true}}, adds: true,
	},
	"istiod-sync.yaml": {
		note: "# To apply after overrides.yaml: the operator asks istiod which objects proxies\n" +
			"# have received, with a token of a ServiceAccount in istiod's namespace. The\n" +
			"# token's holder can read all of istiod's debug pages, and have a certificate of\n" +
			"# that account signed. This replaces the Deployment.\n",
		values: map[string]any{"istiodSync": map[string]any{"enabled": true}}, adds: true,
	},
}

const namespaceText = `apiVersion: v1
kind: Namespace
metadata:
  name: ` + Namespace + `
  labels:
    pod-security.kubernetes.io/enforce: restricted
`

// Manifests returns the files that are made from the chart of a repository, by path:
// plain manifests, the chart's copies of the definitions of kinds, and the table of
// values in its README.
func Manifests(ctx context.Context, repository string) (map[string][]byte, error) {
	out := map[string][]byte{}
	for _, kind := range []string{"overridepolicies", "gatewayoverridepolicies", "overridegrants", "overridegrantpolicies"} {
		definition, err := os.ReadFile(filepath.Join(repository, "config/crd/overrides.mesh_"+kind+".yaml"))
		if err != nil {
			return nil, err
		}
		out[Folder+"/files/"+kind+".yaml"] = definition
	}
	ordinary, err := Render(ctx, filepath.Join(repository, Folder), nil)
	if err != nil {
		return nil, err
	}
	for file, p := range plain {
		r, err := Render(ctx, filepath.Join(repository, Folder), p.values)
		if err != nil {
			return nil, fmt.Errorf("make %s: %w", file, err)
		}
		text := withoutHelm(without(r.Objects, ordinary.Objects))
		if !p.adds {
			text = "---\n" + namespaceText + withoutHelm(r.Objects)
		}
		out["config/install/"+file] = []byte(generatedNote + p.note + text)
	}
	path := Folder + "/README.md"
	if out[path], err = readme(filepath.Join(repository, Folder)); err != nil {
		return nil, fmt.Errorf("make %s: %w", path, err)
	}
	return out, nil
}

// helms matches lines that are true only of objects that Helm installed.
var helms = regexp.MustCompile(`(?m)^ +(app\.kubernetes\.io/managed-by: Helm|helm\.sh/chart: .*)\n`)

// withoutHelm writes objects for kubectl, except the definition of OverridePolicy, which
// must stay when the rest is deleted, and except hooks: a command deletes the operator's
// objects.
func withoutHelm(objects []Object) string {
	var b strings.Builder
	for i := range objects {
		if o := &objects[i]; o.GetKind() != "CustomResourceDefinition" {
			b.WriteString("---\n" + helms.ReplaceAllString(o.Text, ""))
		}
	}
	return b.String()
}

// without returns the objects that are not, unchanged, in others.
func without(objects, others []Object) []Object {
	return slices.DeleteFunc(slices.Clone(objects), func(o Object) bool {
		return slices.ContainsFunc(others, func(x Object) bool { return x.Text == o.Text })
	})
}

// Write writes the files that Manifests returned.
func Write(repository string, files map[string][]byte) error {
	for path, text := range files {
		path = filepath.Join(repository, path)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o644); err != nil {
			return err
		}
	}
	return nil
}

// The marks around the table of values.
const tableBegin, tableEnd = "<!-- values -->\n", "<!-- /values -->\n"

// readme returns the README of a chart with its current table of values.
func readme(folder string) ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(folder, "README.md"))
	if err != nil {
		return nil, err
	}
	before, rest, found := strings.Cut(string(text), tableBegin)
	_, after, closed := strings.Cut(rest, tableEnd)
	if !found || !closed {
		return nil, fmt.Errorf("find the table: want it between %s and %s", strings.TrimSpace(tableBegin), strings.TrimSpace(tableEnd))
	}
	table, err := valuesTable(folder)
	if err != nil {
		return nil, err
	}
	return []byte(before + tableBegin + table + tableEnd + after), nil
}
