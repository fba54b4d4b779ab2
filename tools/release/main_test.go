package main

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

const (
	wantVersion = "1.2.3"
	platform    = "linux/amd64"
)

// made is goreleaser's output for one platform, as files.
type made struct{ dist, charts map[string][]byte }

// TestRun checks a correct release, and then releases with one fault each.
func TestRun(t *testing.T) {
	t.Parallel()
	if runtime.GOOS+"/"+runtime.GOARCH != platform {
		t.Skip("the program of the release is one for " + platform)
	}
	good := build(t, wantVersion)
	other := build(t, "1.2.4")
	archive := "overrides_1.2.3_linux_amd64.tar.gz"
	sbom := "overrides_1.2.3_linux_amd64.cdx.json"
	for name, test := range map[string]struct {
		change func(m made)
		want   string
	}{
		"whole":             {func(made) {}, ""},
		"no checksum":       {func(m made) { replace(m.dist, "checksums.txt", archive, "other.tar.gz") }, "no such file"},
		"wrong checksum":    {func(m made) { m.dist[archive] = pack(nil) }, "is listed with"},
		"archive not there": {func(m made) { delete(m.dist, archive) }, "no such file"},
		"program not there": {func(m made) { m.put(archive, pack(map[string][]byte{"LICENSE": {'x'}})) }, "has no overrides"},
		"no program":        {func(m made) { m.put(archive, pack(files([]byte("#!/bin/sh\n")))) }, "unrecognized file format"},
		"other version":     {func(m made) { m.put(archive, pack(files(other))) }, "overrides version prints"},
		"list of another":   {func(m made) { m.change(sbom, `"v1.2.3"`, `"v1.2.2"`) }, "want CycloneDX of"},
		"krew: version":     {func(m made) { replace(m.dist, "krew/overrides.yaml", "v1.2.3\n", "v1.2.2\n") }, "check krew's manifest"},
		"krew: platform":    {func(m made) { replace(m.dist, "krew/overrides.yaml", "amd64\n", "arm64\n") }, "check krew's manifest"},
		"krew: sum":         {func(m made) { replace(m.dist, "krew/overrides.yaml", "sha256: ", "sha256: a") }, "check krew's manifest"},
		"cask: sum":         {func(m made) { replace(m.dist, "homebrew/Casks/overrides.rb", `sha256 "`, `sha256 "a`) }, "check Homebrew's cask"},
		"cask: version":     {func(m made) { replace(m.dist, "homebrew/Casks/overrides.rb", "1.2.3", "1.2.2") }, "another version"},
		"chart: version":    {func(m made) { m.put("overrides-1.2.3.tgz", chart("1.2.2")) }, "check chart"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := whole(good)
			test.change(m)
			folder := t.TempDir()
			write(t, filepath.Join(folder, "dist"), m.dist)
			write(t, filepath.Join(folder, "chart"), m.charts)
			err := run(io.Discard, filepath.Join(folder, "dist"), filepath.Join(folder, "chart"), []string{platform})
			if (err == nil) != (test.want == "") || (err != nil && !strings.Contains(err.Error(), test.want)) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
}

// whole returns a correct release.
func whole(program []byte) made {
	m := made{dist: map[string][]byte{"metadata.json": []byte(`{"version":"1.2.3","tag":"v1.2.3"}`)}, charts: map[string][]byte{}}
	archive := pack(files(program))
	m.put("overrides_1.2.3_linux_amd64.tar.gz", archive)
	m.put("overrides_1.2.3_linux_amd64.cdx.json", []byte(`{"bomFormat":"CycloneDX","metadata":{"component":{"name":"`+modulePath+`","version":"v1.2.3"}},"components":[]}`))
	m.put("overrides-1.2.3.tgz", chart("1.2.3"))
	m.dist["krew/overrides.yaml"] = []byte(`kind: Plugin
metadata: {name: overrides}
spec:
  version: v1.2.3
  platforms:
  - selector:
      matchLabels:
        os: linux
        arch: amd64
    uri: https://example.com/v1.2.3/overrides_1.2.3_linux_amd64.tar.gz
    sha256: ` + sum(archive) + `
    bin: overrides
`)
	m.dist["homebrew/Casks/overrides.rb"] = []byte("version \"1.2.3\"\nsha256 \"" + sum(archive) + "\"\n")
	return m
}

// put adds or replaces a file, and its checksum.
func (m made) put(name string, content []byte) {
	where := m.dist
	if strings.HasSuffix(name, ".tgz") {
		where = m.charts
	}
	where[name] = content
	var lines strings.Builder
	for line := range strings.Lines(string(m.dist["checksums.txt"])) {
		if !strings.HasSuffix(line, "  "+name+"\n") {
			lines.WriteString(line)
		}
	}
	fmt.Fprintf(&lines, "%s  %s\n", sum(content), name)
	m.dist["checksums.txt"] = []byte(lines.String())
}

func (m made) change(name, old, with string) {
	replace(m.dist, name, old, with)
	m.put(name, m.dist[name])
}

func replace(files map[string][]byte, name, old, with string) {
	files[name] = bytes.ReplaceAll(files[name], []byte(old), []byte(with))
}

func sum(content []byte) string {
	s := sha256.Sum256(content)
	return hex.EncodeToString(s[:])
}

func files(program []byte) map[string][]byte {
	return map[string][]byte{"overrides": program, "LICENSE": {'x'}, "README.md": {'x'}, "CHANGELOG.md": {'x'}}
}

func chart(version string) []byte {
	return pack(map[string][]byte{"overrides/Chart.yaml": []byte("name: overrides\nversion: " + version + "\nappVersion: v" + version + "\n")})
}

func pack(files map[string][]byte) []byte {
	var out bytes.Buffer
	zipped := gzip.NewWriter(&out)
	w := tar.NewWriter(zipped)
	for name, content := range files {
		_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(content))})
		_, _ = w.Write(content)
	}
	_ = w.Close()
	_ = zipped.Close()
	return out.Bytes()
}

// build builds a program that only knows its version.
func build(t *testing.T, version string) []byte {
	t.Helper()
	folder := t.TempDir()
	write(t, folder, map[string][]byte{
		"go.mod":                []byte("module " + modulePath + "\n\ngo 1.22\n"),
		"cmd/overrides/main.go": []byte("package main\n\nfunc main() { println(\"overrides v" + version + " (x)\") }\n"),
	})
	cmd := exec.CommandContext(t.Context(), "go", "build", "-trimpath", "-tags=grpcnotrace", "-o", "overrides", "./cmd/overrides")
	cmd.Dir = folder
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Skipf("go build: %v\n%s", err, output)
	}
	content, err := os.ReadFile(filepath.Join(folder, "overrides"))
	if err != nil {
		t.Fatal(err)
	}
	return content
}

func write(t *testing.T, folder string, files map[string][]byte) {
	t.Helper()
	for name, content := range files {
		path := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, content, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}
