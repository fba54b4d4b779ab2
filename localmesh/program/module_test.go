package program

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVersion compares the version that the API server reports with the version that it
// is built from.
func TestVersion(t *testing.T) {
	t.Parallel()
	for _, line := range []string{"k8s.io/kubernetes " + KubernetesVersion, "=> k8s.io/apiserver v0" + strings.TrimPrefix(KubernetesVersion, "v1")} {
		if !bytes.Contains(Kubernetes().Mod, []byte(line)) {
			t.Errorf("kubernetes.mod has no %q", line)
		}
	}
}

// TestKey changes everything that a build depends on, and checks that the key changes.
func TestKey(t *testing.T) {
	t.Parallel()
	base := func() Module {
		return Module{Name: "m", Mod: []byte("mod"), Sum: []byte("sum"), Programs: []Program{{Name: "a", Package: "p", Flags: []string{"-f"}}}}
	}
	seen := map[string]string{base().key(): "nothing"}
	for what, change := range map[string]func(*Module){
		"name":    func(m *Module) { m.Name = "n" },
		"mod":     func(m *Module) { m.Mod = []byte("mo") },
		"sum":     func(m *Module) { m.Sum = []byte("dsum") },
		"program": func(m *Module) { m.Programs[0].Name = "b" },
		"package": func(m *Module) { m.Programs[0].Package = "q" },
		"flag":    func(m *Module) { m.Programs[0].Flags = nil },
		"more":    func(m *Module) { m.Programs = append(m.Programs, Program{Name: "b"}) },
	} {
		m := base()
		change(&m)
		if other, ok := seen[m.key()]; ok {
			t.Errorf("%s makes no other key than %s", what, other)
		}
		seen[m.key()] = what
	}
	if _, ok := seen[base().key()]; !ok {
		t.Error("the same module has two keys")
	}
}

// TestBuild builds a program of a module without dependencies.
func TestBuild(t *testing.T) {
	t.Setenv("OVERRIDES_CACHE", t.TempDir())
	m := Module{Name: "m", Mod: []byte("module example.com/m\n\ngo 1.26\n"), Programs: []Program{{Name: "test2json", Package: "cmd/test2json"}}}
	if _, built := Built(m); built {
		t.Fatal("built before anything was built")
	}
	var log bytes.Buffer
	paths, err := Build(t.Context(), m, &log)
	if err != nil {
		t.Fatalf("%v\n%s", err, log.Bytes())
	}
	if info, err := os.Stat(paths["test2json"]); err != nil || info.Mode()&0o111 == 0 {
		t.Errorf("%s is not executable: %v", paths["test2json"], err)
	}
	if !strings.Contains(log.String(), "building test2json of m") {
		t.Errorf("log is %q", log.String())
	}
	// Now the program is cached: not even a Go command is needed.
	t.Setenv("PATH", "")
	again, err := Build(t.Context(), m, io.Discard)
	if err != nil || again["test2json"] != paths["test2json"] {
		t.Errorf("built again: %v, %v", again, err)
	}
}

// TestBuildFails checks that a failed build leaves no program, and no part of one.
func TestBuildFails(t *testing.T) {
	cache := t.TempDir()
	t.Setenv("OVERRIDES_CACHE", cache)
	m := Module{Name: "m", Mod: []byte("module example.com/m\n"), Programs: []Program{{Name: "none", Package: "example.com/m/none"}}}
	var log bytes.Buffer
	if _, err := Build(t.Context(), m, &log); err == nil || !strings.Contains(err.Error(), "build none") {
		t.Errorf("build: %v", err)
	}
	if _, built := Built(m); built {
		t.Error("a failed build counts as built")
	}
	left, err := filepath.Glob(filepath.Join(cache, "localmesh", "*", "none*"))
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestIstioAt checks that another version is another module, and the pinned version the
// same.
func TestIstioAt(t *testing.T) {
	pinned := IstioAt("")
	t.Setenv(IstioVariable, "v0.0.0-20260423205519-b01690e6db7d")
	other := Istio()
	if other.key() == pinned.key() || other.resolve == nil {
		t.Errorf("%s names no other version: %s", IstioVariable, other.Mod)
	}
	if again := IstioAt("v0.0.0-20260827124520-eed52ebb66ad"); again.key() != pinned.key() || again.resolve != nil {
		t.Error("the pinned version, by its name, is another one")
	}
}
