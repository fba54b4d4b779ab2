package generate_test

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestRememberedIsProved: whatever changes at a Service whose released workload is
// remembered, the objects pass the proof; and making them once more gives the same bytes.
func TestRememberedIsProved(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		snapshot := &model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{"shop"}, Services: []model.Service{{
			Namespace: "shop", Name: "cart", Selector: map[string]string{"app": "cart"}, Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}},
			Backends: compiletest.Behind().Draw(t, "backends"),
		}}}
		s := &snapshot.Services[0]
		first := made(t, snapshot)
		s.Remembered = remembered(t, first)
		s.Backends = compiletest.Behind().Draw(t, "backends later")
		if rapid.IntRange(0, 4).Draw(t, "named") == 0 {
			s.Settings.ReleasedVersions = []string{rapid.SampledFrom([]string{"v1", "v9"}).Draw(t, "name")}
		}
		second := made(t, snapshot)
		s.Remembered = remembered(t, second)
		third := made(t, snapshot)
		if d := cmp.Diff(second, third); d != "" {
			t.Fatalf("made again it is another:\n%s", d)
		}
	})
}

func made(t *rapid.T, snapshot *model.Snapshot) []istio.Object {
	t.Helper()
	out, err := generate.From(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if len(out.Proof.Refused) > 0 {
		t.Fatalf("the proof refuses %v", out.Proof.Refused)
	}
	objects, err := istio.Encode(out.Objects)
	if err != nil {
		t.Fatal(err)
	}
	return objects
}

func remembered(t *rapid.T, objects []istio.Object) *model.Remembered {
	t.Helper()
	for _, o := range objects {
		var meta metav1.PartialObjectMetadata
		if err := json.Unmarshal(o.JSON, &meta); err != nil {
			t.Fatal(err)
		}
		if text := meta.Annotations[istio.ReleasedAnnotation]; text != "" {
			out, err := model.ParseRemembered(text)
			if err != nil {
				t.Fatal(err)
			}
			return &out
		}
	}
	return nil
}
