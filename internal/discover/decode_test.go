package discover_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"google.golang.org/protobuf/testing/protocmp"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

var update = flag.Bool("update", false, "rewrite the expectations in testdata")

// TestDecode decodes the documents of input.yaml in turn and compares what was
// found and what was said with want.txt.
func TestDecode(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/decode/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		t.Helper()
		archivetest.Want(t, *update, file, archive, decodeAll(t, []byte(archivetest.InputAndWant(t, archive))))
	})
}

func decodeAll(t *testing.T, input []byte) string {
	t.Helper()
	objects := &discover.Objects{}
	var out strings.Builder
	for i, doc := range bytes.Split(input, []byte("---\n")) {
		text, err := yaml.YAMLToJSON(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range objects.Decode(text, "default", diag.Origin{File: "input.yaml", Document: i + 1}) {
			d.Fix = ""
			fmt.Fprintln(&out, d)
		}
	}
	out.WriteString(list(objects))
	return out.String()
}

// list names the objects, kind by kind.
func list(o *discover.Objects) string {
	var lines []string
	note := func(kind string, object discover.Object, format string, args ...any) {
		name := diag.Object{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}
		line := name.String() + fmt.Sprintf(format, args...)
		if origin, ok := o.Origins[name]; !ok || origin.File != "input.yaml" {
			line += " WITHOUT ORIGIN"
		}
		lines = append(lines, line)
	}
	for _, x := range o.Namespaces {
		note("Namespace", x, "")
	}
	for _, x := range o.Services {
		note("Service", x, " selector=%v", x.Spec.Selector)
	}
	for _, x := range o.Pods {
		note("Pod", x, " labels=%v", x.Labels.All)
	}
	for _, x := range o.EndpointSlices {
		note("EndpointSlice", x, " service=%s ready=%v foreign=%t", x.Service, x.Ready, x.Foreign)
	}
	for _, x := range o.Workloads {
		note(x.Kind, x, " labels=%v lent=%q", x.Template.All, x.TemplateOf)
	}
	for _, x := range o.VirtualServices {
		note("VirtualService", x, " hosts=%v http=%d unknown=%v", x.Spec.Hosts, len(x.Spec.Http), x.Unknown)
	}
	for _, x := range o.DestinationRules {
		note("DestinationRule", x, " host=%v subsets=%d unknown=%v", x.Spec.Host, len(x.Spec.Subsets), x.Unknown)
	}
	for _, x := range o.Gateways {
		note("Gateway", x, " servers=%d", len(x.Spec.Servers))
	}
	for _, x := range o.Sidecars {
		note("Sidecar", x, " egress=%d unknown=%v", len(x.Spec.Egress), x.Unknown)
	}
	for _, x := range o.ServiceEntries {
		note("ServiceEntry", x, " hosts=%v unknown=%v", x.Spec.Hosts, x.Unknown)
	}
	for _, x := range o.Routes {
		note(x.Kind, x, " parents=%v backends=%v", x.Parents, x.Backends)
	}
	for _, x := range o.GatewayParts {
		listeners := len(x.Set)
		if x.Gateway != nil {
			listeners = len(x.Gateway.Listeners)
		}
		note(x.Kind, x, " listeners=%d grants=%v controller=%q", listeners, x.Grants, x.Controller)
	}
	for _, x := range o.Unread {
		var templates []string
		for _, labels := range x.Templates {
			templates = append(templates, labels.Text())
		}
		lines = append(lines, fmt.Sprintf("unread %s %s/%s templates=%q service=%q", x.Kind, x.Namespace, x.Name, templates, x.Service))
	}
	for _, x := range o.MeshConfigs {
		note("ConfigMap", x, " %v root=%q fault=%q", x.Defaults, x.RootNamespace, x.Fault)
	}
	for _, x := range o.Tags {
		note("MutatingWebhookConfiguration", x, " tag=%s revision=%s", x.Tag, x.Revision)
	}
	for _, x := range o.Policies {
		note("OverridePolicy", x, " targets=%d", len(x.Spec.TargetRefs))
	}
	slices.Sort(lines)
	lines = append(lines, fmt.Sprintf("passed over: %d", o.PassedOver))
	return strings.Join(lines, "\n") + "\n"
}

// spaced returns an equivalent JSON document that does not begin with its type.
func spaced(doc []byte) []byte {
	if rest, ok := bytes.CutPrefix(doc, []byte("{")); ok && json.Valid(doc) {
		return slices.Concat([]byte("{ "), rest)
	}
	return doc
}

// TestDecodeInAnyForm compares documents that begin with their type with the same documents
// that do not.
func TestDecodeInAnyForm(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/*/*.txtar", func(t *testing.T, _ string, archive *txtar.Archive) {
		t.Helper()
		for doc := range bytes.SplitSeq(archive.Files[0].Data, []byte("---\n")) {
			text, err := yaml.YAMLToJSON(doc)
			if err != nil {
				continue
			}
			a := discover.Parse(text, "default", diag.Origin{File: "f"})
			b := discover.Parse(spaced(text), "default", diag.Origin{File: "f"})
			if d := cmp.Diff(a, b, cmp.Exporter(func(reflect.Type) bool { return true }), protocmp.Transform()); d != "" {
				t.Errorf("%s: -type first +type later:\n%s", text, d)
			}
		}
	})
}

func FuzzDecode(f *testing.F) {
	files, err := filepath.Glob("testdata/decode/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for doc := range bytes.SplitSeq(archive.Files[0].Data, []byte("---\n")) {
			text, err := yaml.YAMLToJSON(doc)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(text)
		}
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		first, second := &discover.Objects{}, &discover.Objects{}
		before := bytes.Clone(doc)
		a := first.Decode(doc, "default", diag.Origin{File: "f"})
		b := second.Decode(spaced(doc), "default", diag.Origin{File: "f"})
		if !bytes.Equal(before, doc) {
			t.Error("the input was changed")
		}
		if d := cmp.Diff(a, b); d != "" {
			t.Errorf("two readings differ: %s", d)
		}
		for _, d := range a {
			if d.Message == "" || strings.Contains(d.String(), "\n\n") {
				t.Errorf("bad diagnostic: %q", d)
			}
		}
		if list(first) != list(second) {
			t.Error("two readings differ")
		}
	})
}
