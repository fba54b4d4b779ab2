package edge_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestDecide compares what policies mean with each archive. Given the objects beside the
// input, it means the same.
func TestDecide(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/policy/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		t.Helper()
		if len(archive.Files) < 1 || archive.Files[0].Name != "input.yaml" {
			t.Fatal("want input.yaml and want.txt, in this order")
		}
		input := string(archive.Files[0].Data)
		said, objects := decided(t, snapshot(t, input))
		archivetest.Want(t, *update, file, archive, said+objects)
		if again, _ := decided(t, snapshot(t, input+"\n"+objects)); again != said {
			t.Errorf("beside its own objects, it says\n%s", again)
		}
	})
}

// TestDefault is TestDecide where Gateways without a policy follow nothing from outside in the
// namespaces ingress, shop and web. It also says which Gateways follow overrides.
func TestDefault(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/default/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		t.Helper()
		options := model.DefaultOptions()
		in := model.Requirement{Key: model.NamespaceNameLabel, Operator: "In", Values: []string{"ingress", "shop", "web"}}
		options.GatewayDefault = model.GatewayDefault{Strip: true, In: model.NamespaceSelector{Selector: []model.Requirement{in}}}
		s := snapshotWith(t, string(archive.Files[0].Data), &options)
		said, objects := decided(t, s)
		for i := range s.Gateways {
			if g := &s.Gateways[i]; g.PinOnly {
				said += fmt.Sprintf("%s only pins: %s\n", g.Object(), g.PinnedBy)
			}
		}
		for i := range s.KubernetesGateways {
			if g := &s.KubernetesGateways[i]; g.Ignored != "" {
				said += fmt.Sprintf("%s follows no override: %s\n", g.Object(), g.Ignored)
			}
		}
		archivetest.Want(t, *update, file, archive, said+objects)
	})
}

// decided returns what policies mean: the reason of each with its diagnostics, and all objects.
func decided(t *testing.T, snapshot *model.Snapshot) (said, objects string) {
	t.Helper()
	entries, err := edge.Decide(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	var reasons, made strings.Builder
	for i := range entries {
		e := &entries[i]
		fmt.Fprintf(&reasons, "%s: %s\n", e.Policy.Object(), e.Reason)
		for _, d := range e.Diagnostics {
			fmt.Fprintf(&reasons, "%s\n", d)
		}
		for _, o := range e.Objects {
			text, err := o.YAML()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&made, "---\n%s", text)
		}
	}
	return reasons.String(), made.String()
}
