package e2e_test

import (
	"bytes"
	"context"
	"io/fs"
	"net/http"
	"testing"

	"github.com/overrides-mesh/overrides/examples"
	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/demo/script"
	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

// TestTalk plays the talk's demo: the chain of the examples as it is, in the mesh,
// with what generate prints for it.
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
	manifests.First = append(manifests.First, chainManifests(t)...)
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
	if err := script.Play(t.Context(), &told, script.Talk(), script.Options{
		Send: func(ctx context.Context, r script.Request) (script.Response, error) { return ask(ctx, client, r) },
	}); err != nil {
		t.Errorf("%v\n%s", err, &told)
	}
}

// chainManifests are those of examples/chain.
func chainManifests(t *testing.T) []byte {
	t.Helper()
	files, err := fs.Glob(examples.Chain, "chain/*.yaml")
	if err != nil || len(files) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	var out []byte
	for _, file := range files {
		data, err := examples.Chain.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		out = append(append(out, "---\n"...), data...)
	}
	return out
}

// ask sends a request of the script.
func ask(ctx context.Context, client *http.Client, r script.Request) (script.Response, error) {
	request, err := http.NewRequestWithContext(ctx, r.Method, "http://"+r.Service+"/", http.NoBody)
	if err != nil {
		return script.Response{}, err
	}
	request.Header = r.Header.Clone()
	response, err := client.Do(request)
	if err != nil {
		return script.Response{}, err
	}
	defer response.Body.Close()
	answer, err := chain.Decode(response.Body)
	return script.Response{Status: response.StatusCode, Header: response.Header, Answer: answer}, err
}
