package envoy_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	yamlv3 "go.yaml.in/yaml/v3"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/envoy"
	"github.com/overrides-mesh/overrides/internal/model"
)

var update = flag.Bool("update", false, "rewrite the want.* sections of testdata")

// TestGolden translates each testdata archive. Its sections:
//
//	*.yaml          manifests; each replica listens at a port of 127.0.0.1, from 1
//	proxy           envoy.Proxy, as YAML
//	show            what of the configuration to look at: fields of routes and
//	                clusters that are left out below
//	want.routes     the RouteConfiguration
//	want.clusters   the clusters
//	want.diag       the diagnostics
func TestGolden(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/*.txtar", testArchive)
}

// repeated fields are the same in each route and cluster, and shown if an archive
// requests them.
var repeated = []string{"retry_policy", "timeout", "circuit_breakers", "common_lb_config", "connect_timeout", "lb_policy", "type", "cluster_name"}

func testArchive(t *testing.T, file string, archive *txtar.Archive) {
	t.Helper()
	objects := &discover.Objects{}
	proxy := envoy.Proxy{}
	hide := repeated
	want := map[string]string{}
	for _, f := range archive.Files {
		switch {
		case strings.HasPrefix(f.Name, "want."):
			want[f.Name] = string(f.Data)
		case f.Name == "proxy":
			if err := yaml.UnmarshalStrict(f.Data, &proxy); err != nil {
				t.Fatal(err)
			}
		case f.Name == "show":
			hide = without(hide, strings.Fields(string(f.Data)))
		case strings.HasSuffix(f.Name, ".yaml"):
			decode(t, objects, f)
		default:
			t.Fatalf("section %s: nothing reads it", f.Name)
		}
	}
	got := translate(t, objects, proxy, hide)
	if *update {
		rewrite(t, file, archive, got)
		return
	}
	for name := range want {
		if d := cmp.Diff(want[name], got[name]); d != "" {
			t.Errorf("%s: run with -update to accept (-want +got):\n%s", name, d)
		}
	}
	if want["want.diag"] == "" && got["want.diag"] != "" {
		t.Errorf("diagnostics: %s", got["want.diag"])
	}
}

func without(list, unwanted []string) []string {
	var out []string
	for _, s := range list {
		if !slices.Contains(unwanted, s) {
			out = append(out, s)
		}
	}
	return out
}

func decode(t *testing.T, objects *discover.Objects, f txtar.File) {
	t.Helper()
	for document := range strings.SplitSeq("\n"+string(f.Data), "\n---\n") {
		text, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("%s: %v", f.Name, err)
		}
		if diags := objects.Decode(text, "default", diag.Origin{File: f.Name}); len(diags) > 0 {
			t.Fatalf("%s: %v", f.Name, diags)
		}
	}
}

// podsOf gives each ready pod of a snapshot a port.
func podsOf(snapshot *model.Snapshot) []envoy.Pod {
	var pods []envoy.Pod
	for i := range snapshot.Services {
		for _, b := range snapshot.Services[i].Backends {
			for n := range b.Pods {
				pods = append(pods, envoy.Pod{
					Namespace: snapshot.Services[i].Namespace, Labels: b.Labels,
					Address: "127.0.0.1", Port: uint32(len(pods) + 1), Ready: n < b.Ready,
				})
			}
		}
	}
	return pods
}

func translate(t *testing.T, objects *discover.Objects, proxy envoy.Proxy, hide []string) map[string]string {
	t.Helper()
	snapshot, _ := objects.Snapshot(model.DefaultOptions())
	result := compile.Compile(snapshot)
	mesh, diags := envoy.NewMesh(snapshot, &result, podsOf(snapshot))
	config := mesh.Config(proxy)
	clusters, err := envoy.ClusterFile(config.Clusters)
	if err != nil {
		t.Fatal(err)
	}
	routes, err := envoy.RouteFile(config.Routes)
	if err != nil {
		t.Fatal(err)
	}
	var said strings.Builder
	for _, d := range diags {
		fmt.Fprintf(&said, "%s %s %s: %s\n", d.Severity, d.Code, d.Object, d.Message)
	}
	return map[string]string{
		"want.clusters": readable(t, clusters, hide), "want.routes": readable(t, routes, hide), "want.diag": said.String(),
	}
}

// readable returns the resources of a file as YAML, without the fields to hide.
func readable(t *testing.T, file envoy.File, hide []string) string {
	t.Helper()
	var response struct{ Resources []any }
	if err := json.Unmarshal(file.JSON, &response); err != nil {
		t.Fatal(err)
	}
	for _, r := range response.Resources {
		prune(r, append([]string{"@type"}, hide...))
	}
	var node yamlv3.Node
	if err := node.Encode(response.Resources); err != nil {
		t.Fatal(err)
	}
	flow(&node)
	var out bytes.Buffer
	encoder := yamlv3.NewEncoder(&out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(&node); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

// flow puts small values on one line.
func flow(node *yamlv3.Node) {
	small := []string{"domains", "match", "address", "response_headers_to_add", "direct_response", "endpoints", "retry_policy", "circuit_breakers"}
	for i, child := range node.Content {
		if node.Kind == yamlv3.MappingNode && i%2 == 1 && slices.Contains(small, node.Content[i-1].Value) {
			oneLine(child)
			continue
		}
		flow(child)
	}
}

// oneLine writes a value on one line, and a list of matchers on a line each.
func oneLine(node *yamlv3.Node) {
	node.Style = yamlv3.FlowStyle
	for i, child := range node.Content {
		if node.Kind == yamlv3.MappingNode && i%2 == 1 && node.Content[i-1].Value == "headers" {
			node.Style = 0
			for _, header := range child.Content {
				header.Style = yamlv3.FlowStyle
			}
		}
	}
}

func prune(value any, keys []string) {
	switch x := value.(type) {
	case map[string]any:
		for _, key := range keys {
			delete(x, key)
		}
		for _, v := range x {
			prune(v, keys)
		}
	case []any:
		for _, v := range x {
			prune(v, keys)
		}
	}
}

// rewrite replaces the want sections of an archive.
func rewrite(t *testing.T, file string, archive *txtar.Archive, got map[string]string) {
	t.Helper()
	for i, f := range archive.Files {
		if text, ok := got[f.Name]; ok {
			archive.Files[i].Data = []byte(text)
		}
	}
	if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
}
