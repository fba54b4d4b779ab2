package localmesh_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// shared is one mesh for most tests, which use namespaces of their own; the first that
// needs it starts it.
var shared struct {
	once   sync.Once
	mesh   *localmesh.Mesh
	err    error
	sample string
}

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "localmesh-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	shared.sample = filepath.Join(dir, "sample")
	code := m.Run()
	if shared.mesh != nil {
		if err := shared.mesh.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the mesh:", err)
			code = 1
		}
	}
	if err := os.RemoveAll(dir); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	os.Exit(code)
}

// needPrograms skips t if a mesh would have to be built first or there is no Envoy,
// unless the environment asks for it.
func needPrograms(t *testing.T) {
	t.Helper()
	programtest.Cluster.Need(t, program.Kubernetes(), program.Istio())
	if _, err := exec.LookPath("envoy"); err != nil && os.Getenv("ENVOY") == "" && !programtest.Cluster.Wanted() {
		t.Skip("there is no Envoy: set ENVOY (`make envoy` prints the path of one)")
	}
}

// mesh returns the shared mesh.
func mesh(t *testing.T) *localmesh.Mesh {
	t.Helper()
	needPrograms(t)
	shared.once.Do(func() {
		// The mesh must outlive the test that happens to be first, so this is not
		// t.Context().
		ctx := context.Background() //nolint:usetesting // see above
		if shared.err = programtest.Build(ctx, "..", filepath.Dir(shared.sample), "./cmd/sample"); shared.err == nil {
			shared.mesh, shared.err = localmesh.Start(ctx, options(false))
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.mesh
}

func options(mtls bool) localmesh.Options {
	return localmesh.Options{Log: os.Stderr, Images: map[string]string{"sample": shared.sample}, MTLS: mtls}
}

// manifest reads a file of testdata, and replaces NAMESPACE, and other words by pairs.
func manifest(t *testing.T, name, namespace string, pairs ...string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", name))
	if err != nil {
		t.Fatal(err)
	}
	data = bytes.ReplaceAll(data, []byte("NAMESPACE"), []byte(namespace))
	for i := 0; i+1 < len(pairs); i += 2 {
		data = bytes.ReplaceAll(data, []byte(pairs[i]), []byte(pairs[i+1]))
	}
	return data
}
