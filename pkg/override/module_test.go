package override_test

import (
	"archive/zip"
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const modulePath = "github.com/overrides-mesh/overrides/pkg/override"

// TestModule: every service that imports the package would inherit a requirement or a
// newer Go version.
func TestModule(t *testing.T) {
	t.Parallel()
	got, err := os.ReadFile("go.mod")
	if err != nil {
		t.Fatal(err)
	}
	if want := "module " + modulePath + "\n\ngo 1.22\n"; string(got) != want {
		t.Errorf("go.mod is\n%s\nwant\n%s", got, want)
	}
}

// TestImportKeepsVersions imports the package into a service with an old Go version and
// old dependencies, and lets the go command look for newer ones. All modules come from a
// proxy of files, which has newer versions of the dependencies.
func TestImportKeepsVersions(t *testing.T) {
	t.Parallel()
	program, err := exec.LookPath("go")
	if err != nil {
		t.Skip(err)
	}
	proxy := t.TempDir()
	publish(t, proxy, modulePath, "v0.1.0", ownFiles(t))
	for module, versions := range map[string][]string{
		"google.golang.org/grpc":              {"v1.64.0", "v1.84.0"},
		"github.com/prometheus/client_golang": {"v1.20.0", "v1.23.2"},
	} {
		for _, version := range versions {
			publish(t, proxy, module, version, map[string]string{
				"go.mod": "module " + module + "\n\ngo 1.20\n",
				"a.go":   "// Package a stands for the module.\npackage a\n",
			})
		}
	}

	service := t.TempDir()
	before := "module example.com/service\n\ngo 1.22\n\nrequire (\n" +
		"\tgithub.com/prometheus/client_golang v1.20.0\n\tgoogle.golang.org/grpc v1.64.0\n)\n"
	write(t, filepath.Join(service, "go.mod"), before)
	write(t, filepath.Join(service, "main.go"), `package main

import (
	"net/http"

	_ "github.com/prometheus/client_golang"
	_ "google.golang.org/grpc"

	"`+modulePath+`"
	"`+modulePath+`/queue"
)

func main() {
	_ = queue.Service{}
	_ = override.Middleware(http.NotFoundHandler())
	override.Carriers{}.All()(func(string, string) bool { return true })
}
`)
	cache := t.TempDir()
	for _, args := range [][]string{{"mod", "tidy"}, {"vet", "./..."}} {
		cmd := exec.CommandContext(context.Background(), program, args...)
		cmd.Dir = service
		cmd.Env = append(os.Environ(), "GOPROXY=file://"+filepath.ToSlash(proxy), "GOSUMDB=off", "GOMODCACHE="+cache,
			"GOFLAGS=-mod=mod -modcacherw", "GOTOOLCHAIN=local", "GOWORK=off", "GONOPROXY=none", "GOPRIVATE=")
		if output, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("go %s: %v\n%s", strings.Join(args, " "), err, output)
		}
	}
	after, err := os.ReadFile(filepath.Join(service, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	want := strings.Replace(before, "\tgithub.com/prom", "\t"+modulePath+" v0.1.0\n\tgithub.com/prom", 1)
	if string(after) != want {
		t.Errorf("go.mod is\n%s\nwant\n%s", after, want)
	}
}

// ownFiles returns the module as published, without its tests.
func ownFiles(t *testing.T) map[string]string {
	t.Helper()
	names := []string{"go.mod"}
	for _, folder := range []string{".", "queue", "internal/grammar"} {
		found, err := filepath.Glob(filepath.Join(folder, "*.go"))
		if err != nil || len(found) == 0 {
			t.Fatalf("%s has no files: %v", folder, err)
		}
		names = append(names, found...)
	}
	files := map[string]string{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files[filepath.ToSlash(name)] = string(content)
	}
	return files
}

// publish adds a version of a module to a proxy of files.
func publish(t *testing.T, proxy, module, version string, files map[string]string) {
	t.Helper()
	var archive bytes.Buffer
	w := zip.NewWriter(&archive)
	for name, content := range files {
		f, err := w.Create(module + "@" + version + "/" + name)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := f.Write([]byte(content)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	folder := filepath.Join(proxy, filepath.FromSlash(module), "@v")
	list, err := os.ReadFile(filepath.Join(folder, "list"))
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	write(t, filepath.Join(folder, "list"), string(list)+version+"\n")
	write(t, filepath.Join(folder, version+".info"), `{"Version":"`+version+`"}`)
	write(t, filepath.Join(folder, version+".mod"), files["go.mod"])
	write(t, filepath.Join(folder, version+".zip"), archive.String())
}

func write(t *testing.T, path, content string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
