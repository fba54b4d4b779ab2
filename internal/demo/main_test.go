package demo_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/examples"
	"github.com/overrides-mesh/overrides/internal/demo"
	"github.com/overrides-mesh/overrides/internal/model"
)

// deadline limits every wait of a test. Only the duration of failing tests depends on it.
const deadline = 60 * time.Second

// findEnvoy skips a test if there is no Envoy.
func findEnvoy(t *testing.T) string {
	t.Helper()
	envoy, err := demo.FindEnvoy(os.Getenv("ENVOY"))
	if err != nil {
		t.Skip(err)
	}
	return envoy
}

// options returns the options of a demo whose output is kept.
func options(t *testing.T) (demo.Options, *output) {
	t.Helper()
	out := &output{}
	return demo.Options{Envoy: findEnvoy(t), Port: freePort(t), TempDir: t.TempDir(), Out: out, Err: out}, out
}

// output keeps what is written while a test reads it.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(data []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(data)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until a text was written n times. The test ends if ended is closed before
// that.
func (o *output) await(t *testing.T, text string, n int, ended <-chan struct{}) {
	t.Helper()
	eventually(t, func() bool {
		over := false
		select {
		case <-ended:
			over = true
		default:
		}
		written := strings.Count(o.String(), text) >= n
		if over && !written {
			t.Fatalf("it ended without saying %q:\n%s", text, o)
		}
		return written
	}, func() string { return "waited for " + text + ":\n" + o.String() })
}

// eventually polls for a condition.
func eventually(t *testing.T, condition func() bool, why func() string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), deadline)
	defer cancel()
	ticker := time.NewTicker(10 * time.Millisecond)
	defer ticker.Stop()
	for !condition() {
		select {
		case <-ctx.Done():
			t.Fatal(why())
		case <-ticker.C:
		}
	}
}

// chain returns a copy of the sample chain.
func chain(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.CopyFS(dir, examples.Chain); err != nil {
		t.Fatal(err)
	}
	return filepath.Join(dir, "chain")
}

// deploymentOf returns the Deployment of service-3 v2, changed to another version.
func deploymentOf(t *testing.T, version string) []byte {
	t.Helper()
	for document := range strings.SplitSeq(readFile(t, "service-3.yaml"), "\n---\n") {
		if strings.Contains(document, "name: service-3-v2") {
			return []byte(strings.ReplaceAll(document, "v2", version))
		}
	}
	t.Fatal("there is no service-3-v2")
	return nil
}

func readFile(t *testing.T, name string) string {
	t.Helper()
	data, err := examples.Chain.ReadFile("chain/" + name)
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func writeFile(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// isEmpty reports whether a folder is empty.
func isEmpty(t *testing.T, dir string) bool {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	return len(entries) == 0
}

func folder(t *testing.T, dir string) *demo.State {
	t.Helper()
	state, err := demo.Folder(t.Context(), dir, model.DefaultOptions())
	if err != nil {
		t.Fatal(err)
	}
	return state
}
