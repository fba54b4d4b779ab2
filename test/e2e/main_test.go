package e2e_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"

	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/test/e2e/conform"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

// root is the repository's root; corpus has real applications' manifests, and may be
// missing from a checkout.
const (
	root   = "../.."
	corpus = "../../../shared/corpus"
)

// shared is one mesh for all tests; the first that needs it starts it.
var shared struct {
	dir          string
	programsOnce sync.Once
	programs     stage.Programs
	programsErr  error
	meshOnce     sync.Once
	mesh         *stage.Mesh
	meshErr      error
}

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	var err error
	if shared.dir, err = os.MkdirTemp("", "overrides-e2e-"); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := m.Run()
	if shared.mesh != nil {
		err = shared.mesh.Stop()
	}
	if err := errors.Join(err, os.RemoveAll(shared.dir)); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

func programs(t *testing.T) stage.Programs {
	t.Helper()
	shared.programsOnce.Do(func() {
		// The mesh must outlive the test that happens to be first, so this is not
		// t.Context().
		ctx := context.Background() //nolint:usetesting // see above
		shared.programs = stage.Programs{Overrides: filepath.Join(shared.dir, "overrides"), Sample: filepath.Join(shared.dir, "sample")}
		shared.programsErr = programtest.Build(ctx, root, shared.dir, "./cmd/overrides", "./cmd/sample")
	})
	if shared.programsErr != nil {
		t.Fatal(shared.programsErr)
	}
	return shared.programs
}

// mesh returns the shared mesh, with the namespaces of all worlds. It skips t if the mesh
// would have to be built first, unless the environment asks for it.
func mesh(t *testing.T) *stage.Mesh {
	t.Helper()
	options := meshOptions(t)
	maps.Copy(options.Images, tracerImages())
	options.MeshConfig = map[string]any{"extensionProviders": []any{map[string]any{"name": authorizerName, "envoyExtAuthzHttp": map[string]any{
		"service": "authorizer.edge-guard.test", "port": 80, "includeRequestHeadersInCheck": []any{"x-override", "x-session"},
	}}}}
	all := worlds(t)
	shared.meshOnce.Do(func() {
		ctx := context.Background() //nolint:usetesting // the mesh outlives the test
		if shared.mesh, shared.meshErr = stage.StartMesh(ctx, options); shared.meshErr != nil {
			return
		}
		// All at once: routes that are exported to namespaces list the existing ones.
		names := append([]string{"chain", flaggerNamespace, argoNamespace}, gateNamespaces...)
		for _, w := range all {
			names = append(names, w.Namespaces...)
		}
		manifests, err := (&conform.World{Namespaces: names}).Manifests()
		shared.meshErr = errors.Join(err, shared.mesh.Apply(ctx, manifests.Namespaces))
	})
	if shared.meshErr != nil {
		t.Fatal(shared.meshErr)
	}
	return shared.mesh
}

// worlds reads all worlds whose cases are compared with the compiled result.
func worlds(t *testing.T) []*conform.World {
	t.Helper()
	return worldsIn(t, "testdata/worlds")
}

// worldsIn reads the worlds in a folder.
func worldsIn(t *testing.T, folder string) []*conform.World {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(folder, "*/world.yaml"))
	if err != nil || len(found) == 0 {
		t.Fatalf("no worlds: %v", err)
	}
	var out []*conform.World
	for _, file := range found {
		dir, files := filepath.Dir(file), map[string][]byte{}
		paths, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			if files[filepath.Base(path)], err = os.ReadFile(path); err != nil {
				t.Fatal(err)
			}
		}
		w, err := conform.ParseWorld(filepath.Base(dir), files)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, w)
	}
	return out
}

// seed is the seed of all generated cases.
const seed = 20260928

// cases are the cases of a world: picked ones, and generated ones. $OVERRIDES_SEED
// replaces their seed, and $OVERRIDES_TIMES multiplies their number.
func cases(t *testing.T, w *conform.World) []conform.Case {
	t.Helper()
	return casesOf(t, w, number(t, "OVERRIDES_SEED", seed), w.Generated*number(t, "OVERRIDES_TIMES", 1))
}

func casesOf(t *testing.T, w *conform.World, seed, generated int) []conform.Case {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata/cases", w.Name+".txt"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	picked, err := conform.ParseCases(w, data)
	if err != nil {
		t.Fatalf("testdata/cases/%s.txt: %v", w.Name, err)
	}
	return append(picked, conform.Generate(w, uint64(seed), generated)...) //nolint:gosec // any number will do
}

// number reads an environment variable.
func number(t *testing.T, variable string, preset int) int {
	t.Helper()
	text := os.Getenv(variable)
	if text == "" {
		return preset
	}
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatalf("read %s: %v", variable, err)
	}
	return n
}
