package e2e_test

import (
	"bytes"
	"testing"

	"github.com/overrides-mesh/overrides/examples"
	"github.com/overrides-mesh/overrides/internal/demo/script"
	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

// TestTalk plays the talk's demo: the examples' unchanged chain, in the mesh, with the
// output of generate.
func TestTalk(t *testing.T) {
	t.Parallel()
	m := mesh(t)
	w := &conform.World{
		Name: "chain", Namespaces: []string{"chain"},
		Workloads: []conform.Workload{{Name: "client", Namespace: "chain", Labels: map[string]string{"app": "client"}, Ports: []uint32{8080}, Replicas: 1, Caller: true}},
	}
	manifests, err := w.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	chain, err := examples.ChainManifest()
	if err != nil || len(chain) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	manifests.First = append(manifests.First, chain...)
	d, err := m.Deploy(t.Context(), w, manifests)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	if err := d.Enable(t.Context()); err != nil {
		t.Fatal(err)
	}
	client := d.Client("client")
	var told bytes.Buffer
	if err := script.Play(t.Context(), &told, script.Talk(), script.Options{Send: script.Over(client)}); err != nil {
		t.Errorf("%v\n%s", err, &told)
	}
}
