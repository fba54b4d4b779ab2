package island_test

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/island"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestPartsAreTheWhole: what is generated for the parts of a cluster, or of manifests, is what
// is generated for all objects at once.
func TestPartsAreTheWhole(t *testing.T) {
	t.Parallel()
	inputs := archives(t)
	names := slices.Sorted(maps.Keys(inputs))
	most := 0
	rapid.Check(t, func(t *rapid.T) {
		options, objects, other := clusters(t)
		if rapid.Bool().Draw(t, "joined") {
			maps.Copy(objects, other)
		}
		most = max(most, compareParts(t, options, objects))
	})
	rapid.Check(t, func(t *rapid.T) {
		objects := map[diag.Object]discover.Object{}
		for range rapid.IntRange(1, 3).Draw(t, "archives") {
			maps.Copy(objects, cluster(t, inputs[rapid.SampledFrom(names).Draw(t, "archive")]))
		}
		most = max(most, compareParts(t, model.DefaultOptions(), objects))
	})
	if most < 3 {
		t.Errorf("there were never more than %d parts", most)
	}
}

// compareParts fails if the parts are not the whole. It returns their number.
func compareParts(t *rapid.T, options model.Options, objects map[diag.Object]discover.Object) int {
	t.Helper()
	all := &discover.Objects{Cluster: rapid.Bool().Draw(t, "of a cluster")}
	for _, name := range order(t, objects) {
		all.Put(objects[name])
	}
	snapshot, _ := all.Snapshot(options)
	snapshot.Now = noon
	parts := island.GroupsOf(all, &options).Divide(snapshot, rapid.IntRange(1, 3).Draw(t, "Services in a part"))
	var packer istio.Packer
	var made []generate.Output
	for _, p := range parts {
		out := closedOutput(t, p)
		if err := out.Pack(&packer); err != nil {
			t.Fatal(err)
		}
		made = append(made, out)
	}
	whole, joined := closedOutput(t, snapshot), generate.Join(made)
	if d := gocmp.Diff(outputText(t, &whole), outputText(t, &joined)); d != "" {
		t.Fatalf("-whole +parts:\n%s", d)
	}
	return len(parts)
}

func closedOutput(t *rapid.T, s *model.Snapshot) generate.Output {
	t.Helper()
	out, err := generate.Closed(s)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// outputText returns objects, Services and diagnostics as text, in their order.
func outputText(t *rapid.T, made *generate.Output) []string {
	t.Helper()
	var out []string
	add := func(objects []istio.Object) {
		for _, o := range objects {
			out = append(out, o.String(), string(o.JSON))
		}
	}
	objects, err := istio.Encode(made.Objects)
	if err != nil {
		t.Fatal(err)
	}
	add(objects)
	said := diag.Sort(slices.Clone(made.Diagnostics))
	for i := range made.Closed {
		add(made.Closed[i].Objects)
		said = append(said, made.Closed[i].Diagnostics...)
	}
	for i := range made.Services {
		out = append(out, made.Services[i].Object().String(), string(made.Services[i].State))
	}
	for _, d := range said {
		line, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(line))
	}
	return out
}
