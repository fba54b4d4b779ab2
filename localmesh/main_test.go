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

// shared is one mesh for most tests, which keep to namespaces of their own; it
// is started by the first that asks.
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

// needPrograms skips t where a mesh would have to be built first or there is no
// Envoy, unless it is asked for.
func needPrograms(t *testing.T) {
	t.Helper()
	programtest.Need(t, program.Kubernetes(), program.Istio())
	if _, err := exec.LookPath("envoy"); err != nil && os.Getenv("ENVOY") == "" && !programtest.Wanted() {
		t.Skip("there is no Envoy: set ENVOY (`make envoy` prints the path of one)")
	}
}

// mesh returns the shared mesh.
func mesh(t *testing.T) *localmesh.Mesh {
	t.Helper()
	needPrograms(t)
	shared.once.Do(func() {
		if shared.err = buildSample(); shared.err == nil {
			// The test that happens to be first must not end it, so not t.Context().
			shared.mesh, shared.err = localmesh.Start(context.Background(), options(false)) //nolint:usetesting // see above
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

// buildSample builds the program that Pods run.
func buildSample() error {
	build := exec.Command("go", "build", "-o", shared.sample, "./cmd/sample") //nolint:noctx // of TestMain's life
	build.Dir = ".."
	build.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if output, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the sample: %w: %s", err, output)
	}
	return nil
}

// manifest reads a file of testdata, with NAMESPACE filled in and other words by
// pairs.
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
