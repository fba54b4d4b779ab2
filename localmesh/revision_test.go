package localmesh_test

import (
	"bytes"
	"testing"

	"github.com/overrides-mesh/overrides/localmesh"
)

// TestRevisions runs two istiods, and checks that each serves the proxies of the
// namespaces labelled with its revision.
func TestRevisions(t *testing.T) {
	t.Parallel()
	mesh(t)
	o := options(false)
	o.Revisions = []string{"canary"}
	m, err := localmesh.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	labelled := bytes.ReplaceAll(manifest(t, "echo.yaml", "new"), []byte("istio-injection: enabled"), []byte("istio.io/rev: canary"))
	if err := m.Apply(t.Context(), labelled); err != nil {
		t.Fatal(err)
	}
	if err := m.WaitReady(t.Context(), "new"); err != nil {
		t.Fatal(err)
	}
	caller, err := m.Pod(t.Context(), "new", "app=client")
	if err != nil {
		t.Fatal(err)
	}
	old := deploy(t, m, "old", manifest(t, "canary.yaml", "old"))
	for _, test := range []struct {
		from localmesh.Pod
		want int
	}{{old, 200}, {caller, 418}} {
		if status, _ := send(t, m, test.from, "http://echo.old/"); status != test.want {
			t.Errorf("from %s: answered %d, want %d", test.from.Namespace, status, test.want)
		}
	}
	if err := m.Restart(t.Context(), "pilot-discovery-canary"); err != nil {
		t.Error(err)
	}
}
