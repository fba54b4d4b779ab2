package discover_test

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestSnapshot reads the documents of input.yaml, once as those of manifests and
// once in the opposite order, and compares the snapshot with want.txt. A first line
// of the comment that begins with "cluster:" takes them for those of a cluster.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/snapshot/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		t.Helper()
		docs := bytes.Split([]byte(archivetest.InputAndWant(t, archive)), []byte("---\n"))
		cluster := bytes.HasPrefix(archive.Comment, []byte("cluster:"))
		got := snapshotOf(t, docs, cluster)
		slices.Reverse(docs)
		if d := cmp.Diff(got, snapshotOf(t, docs, cluster)); d != "" {
			t.Errorf("the order of the input matters: -forwards +backwards:\n%s", d)
		}
		archivetest.Want(t, *update, file, archive, got)
	})
}

func snapshotOf(t *testing.T, docs [][]byte, cluster bool) string {
	t.Helper()
	objects := &discover.Objects{Cluster: cluster}
	for _, doc := range docs {
		json, err := yaml.YAMLToJSON(doc)
		if err != nil {
			t.Fatal(err)
		}
		if diags := objects.Decode(json, "default", diag.Origin{}); len(diags) > 0 {
			t.Fatal(diags)
		}
	}
	snapshot, diags := objects.Snapshot(model.DefaultOptions())
	var out strings.Builder
	for _, d := range diags {
		d.Fix = ""
		fmt.Fprintln(&out, d)
	}
	write(&out, snapshot)
	return out.String()
}

// write writes what the tests are about.
func write(out *strings.Builder, s *model.Snapshot) {
	fmt.Fprintf(out, "namespaces %v root %s\n", s.Namespaces, s.Options.RootNamespace)
	for _, n := range slices.Sorted(maps.Keys(s.Revisions)) {
		fmt.Fprintf(out, "revision of %s: %s\n", n, s.Revisions[n])
	}
	for _, tag := range slices.Sorted(maps.Keys(s.Tags)) {
		fmt.Fprintf(out, "tag %s: %s\n", tag, s.Tags[tag])
	}
	if m := s.Mesh; m.VirtualServiceExportTo != nil || m.DestinationRuleExportTo != nil || m.ServiceExportTo != nil {
		fmt.Fprintf(out, "mesh VirtualServices %q DestinationRules %q Services %q\n", m.VirtualServiceExportTo, m.DestinationRuleExportTo, m.ServiceExportTo)
	}
	for i := range s.Services {
		writeService(out, &s.Services[i])
	}
	for i := range s.VirtualServices {
		fmt.Fprintf(out, "%v revision=%q%s\n", s.VirtualServices[i].Object(), s.VirtualServices[i].Revision, steeredBy(s.VirtualServices[i].Steered))
	}
	for i := range s.DestinationRules {
		fmt.Fprintf(out, "%v revision=%q%s\n", s.DestinationRules[i].Object(), s.DestinationRules[i].Revision, steeredBy(s.DestinationRules[i].Steered))
	}
	for i := range s.Sidecars {
		x := &s.Sidecars[i]
		fmt.Fprintf(out, "%v revision=%q made=%t egress=%d\n", x.Object(), x.Revision, !x.Created.IsZero(), len(x.Spec.Egress))
	}
	for i := range s.ServiceEntries {
		x := &s.ServiceEntries[i]
		fmt.Fprintf(out, "%v revision=%q made=%t hosts=%v\n", x.Object(), x.Revision, !x.Created.IsZero(), x.Spec.Hosts)
	}
	for i := range s.ServiceRoutes {
		fmt.Fprintf(out, "%v is attached to %v\n", s.ServiceRoutes[i].Object(), s.ServiceRoutes[i].Services)
	}
	for i := range s.Entrances {
		fmt.Fprintf(out, "%v leads to %v\n", s.Entrances[i].Object(), s.Entrances[i].Services)
	}
	for _, c := range s.Callers {
		if c.NoSidecar {
			fmt.Fprintf(out, "no sidecar: %s/%s (%s)\n", c.Namespace, c.Name, c.Label)
		}
	}
}

func steeredBy(s model.Steering) string {
	if !s.Is() {
		return ""
	}
	return " steered by " + s.String()
}

func writeService(out *strings.Builder, s *model.Service) {
	fmt.Fprintf(out, "%v", s.Object())
	if !s.Created.IsZero() {
		out.WriteString(" made")
	}
	if s.ExportTo != nil {
		fmt.Fprintf(out, " exportTo=%q", s.ExportTo)
	}
	if s.ExternalName != "" {
		fmt.Fprintf(out, " alias=%s", s.ExternalName)
	}
	if len(s.Reachable) > 0 {
		fmt.Fprintf(out, " reachable=%q", s.Reachable)
	}
	for _, p := range s.Ports {
		fmt.Fprintf(out, " %d", p.Number)
		if p.Detected {
			out.WriteString("?")
		}
	}
	for _, b := range s.Backends {
		fmt.Fprintf(out, " %v", b.Workload)
	}
	out.WriteString(steeredBy(s.Steered) + "\n")
	if s.Near != nil {
		fmt.Fprintf(out, "  near %+v\n", *s.Near)
	}
	for _, u := range s.Unread {
		fmt.Fprintf(out, "  unread %v labels=%v\n", u.Object, u.Labels)
	}
}
