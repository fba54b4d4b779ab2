package main

import (
	"archive/tar"
	"bytes"
	"context"
	"crypto/x509"
	"debug/buildinfo"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// stub replaces the program, since building one for every platform takes minutes.
func stub(_ context.Context, o *options, platform v1.Platform, _ string) ([]byte, error) {
	return []byte("program " + o.version + " for " + platform.String()), nil
}

func stubbed(t *testing.T, epoch string) *options {
	t.Helper()
	o, err := parse([]string{"-output", t.TempDir(), "-image", "registry.example.com/team/overrides:v1.2.3", "-version", "v1.2.3", "-revision", "0123abc"}, epoch)
	check(t, err)
	o.compile = stub
	return o
}

// TestRuns builds the image for this machine with the real program, extracts it from the
// archive as docker load would, and runs it.
func TestRuns(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("the program of an image runs on Linux only")
	}
	platform := "linux/" + runtime.GOARCH
	o, err := parse([]string{"-source", "../..", "-output", t.TempDir(), "-platforms", platform, "-version", "v0.0.1-test"}, "")
	check(t, err)
	b, err := build(t.Context(), o)
	check(t, err)
	check(t, write(o, b))
	image, err := tarball.ImageFromPath(archivePath(o, o.platforms[0]), &o.tag)
	check(t, err)
	path := filepath.Join(t.TempDir(), "overrides")
	for _, f := range unpack(t, image) {
		if f.header.Name == programAt {
			check(t, os.WriteFile(path, f.content, 0o755))
		}
	}
	want := "overrides v0.0.1-test (" + runtime.Version() + ", " + platform + ")"
	if got := output(t, path, "version"); strings.TrimSpace(got) != want {
		t.Errorf("version says %q, want %q", got, want)
	}
	if got := output(t, path, "operator", "--help"); !strings.Contains(got, "--leader-elect") {
		t.Errorf("operator --help says %q", got)
	}
	// The program contains the list of its modules, and no path of its builder.
	info, err := buildinfo.ReadFile(path)
	check(t, err)
	if !slices.ContainsFunc(info.Deps, func(m *debug.Module) bool { return m.Path == "k8s.io/client-go" && m.Sum != "" }) {
		t.Errorf("the program does not say what it is made from: %s", info)
	}
	here, err := os.Getwd()
	check(t, err)
	text, err := os.ReadFile(path)
	check(t, err)
	if bytes.Contains(text, []byte(filepath.Dir(filepath.Dir(here))+"/internal")) {
		t.Error("the program has paths of this machine in it")
	}
}

// output runs a program with an empty environment, as in a container.
func output(t *testing.T, path string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), path, args...)
	cmd.Env = []string{}
	text, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v: %v\n%s", path, args, err, text)
	}
	return string(text)
}

type unpacked struct {
	header  *tar.Header
	content []byte
}

// unpack returns the files and folders of all layers of an image.
func unpack(t *testing.T, image v1.Image) []unpacked {
	t.Helper()
	r := mutate.Extract(image)
	defer r.Close()
	var out []unpacked
	for files := tar.NewReader(r); ; {
		header, err := files.Next()
		if errors.Is(err, io.EOF) {
			return out
		}
		check(t, err)
		content, err := io.ReadAll(files)
		check(t, err)
		out = append(out, unpacked{header, content})
	}
}

// TestFiles: the image has exactly these files, all belong to root, and none is writable
// or setuid.
func TestFiles(t *testing.T) {
	t.Parallel()
	o := stubbed(t, "1700000000")
	b, err := build(t.Context(), o)
	check(t, err)
	for _, i := range b.images {
		var got []string
		for _, f := range unpack(t, i.image) {
			h := f.header
			got = append(got, h.FileInfo().Mode().String()+" "+h.Name)
			if h.Uid != 0 || h.Gid != 0 || h.Mode&0o7022 != 0 || !h.ModTime.Equal(time.Unix(1700000000, 0)) {
				t.Errorf("%s: owner %d:%d, mode %o, time %v", h.Name, h.Uid, h.Gid, h.Mode, h.ModTime)
			}
			if h.Name == programAt && string(f.content) != "program v1.2.3 for "+i.platform.String() {
				t.Errorf("the program is %q", f.content)
			}
		}
		slices.Sort(got)
		want := []string{
			"-rw-r--r-- etc/group", "-rw-r--r-- etc/passwd", "-rw-r--r-- etc/ssl/certs/ca-certificates.crt", "-rwxr-xr-x usr/local/bin/overrides",
			"drwxr-xr-x etc", "drwxr-xr-x etc/ssl", "drwxr-xr-x etc/ssl/certs", "drwxr-xr-x usr", "drwxr-xr-x usr/local", "drwxr-xr-x usr/local/bin",
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", i.platform.String(), diff)
		}
	}
}

// TestConfig checks the command, the user and the labels.
func TestConfig(t *testing.T) {
	t.Parallel()
	b, err := build(t.Context(), stubbed(t, ""))
	check(t, err)
	for _, i := range b.images {
		c, err := i.image.ConfigFile()
		check(t, err)
		if c.Config.User != "65532:65532" || !slices.Equal(c.Config.Entrypoint, []string{"/usr/local/bin/overrides"}) || len(c.Config.Cmd) > 0 {
			t.Errorf("%s runs %v %v as %s", i.platform.String(), c.Config.Entrypoint, c.Config.Cmd, c.Config.User)
		}
		if c.OS != "linux" || c.Architecture != i.platform.Architecture || !c.Created.Equal(time.Unix(0, 0)) {
			t.Errorf("it is for %s/%s, created %v", c.OS, c.Architecture, c.Created)
		}
		for key, want := range map[string]string{"source": sourceURL, "version": "v1.2.3", "revision": "0123abc", "licenses": "Apache-2.0"} {
			if got := c.Config.Labels["org.opencontainers.image."+key]; got != want {
				t.Errorf("label %s is %q, want %q", key, got, want)
			}
		}
		if layers, err := i.image.Layers(); err != nil || len(layers) != 2 {
			t.Errorf("%d layers, %v", len(layers), err)
		}
	}
}

// TestLayout: the layout has one index with the image of every platform, and everything
// that it references exists.
func TestLayout(t *testing.T) {
	t.Parallel()
	o := stubbed(t, "")
	b, err := build(t.Context(), o)
	check(t, err)
	check(t, write(o, b))
	// A second build into the same folder replaces it.
	check(t, write(o, b))
	root, err := layout.ImageIndexFromPath(filepath.Join(o.output, layoutName))
	check(t, err)
	manifest, err := root.IndexManifest()
	check(t, err)
	if len(manifest.Manifests) != 1 || manifest.Manifests[0].Annotations["org.opencontainers.image.ref.name"] != "v1.2.3" {
		t.Fatalf("the layout has %+v", manifest.Manifests)
	}
	index, err := root.ImageIndex(manifest.Manifests[0].Digest)
	check(t, err)
	inner, err := index.IndexManifest()
	check(t, err)
	var platforms []string
	for _, m := range inner.Manifests {
		platforms = append(platforms, m.Platform.String())
		image, err := index.Image(m.Digest)
		check(t, err)
		if m.MediaType != types.OCIManifestSchema1 || len(unpack(t, image)) == 0 {
			t.Errorf("%s is a %s", m.Platform, m.MediaType)
		}
	}
	if want := []string{"linux/amd64", "linux/arm64"}; !slices.Equal(platforms, want) {
		t.Errorf("platforms %v, want %v", platforms, want)
	}
}

// TestSameBytes: two builds are identical; with another time or version they are not.
func TestSameBytes(t *testing.T) {
	t.Parallel()
	digest := func(o *options) string {
		t.Helper()
		b, err := build(t.Context(), o)
		check(t, err)
		check(t, write(o, b))
		hash, err := b.index.Digest()
		check(t, err)
		archive, err := os.ReadFile(archivePath(o, o.platforms[0]))
		check(t, err)
		return hash.String() + string(archive)
	}
	first := digest(stubbed(t, ""))
	if digest(stubbed(t, "")) != first {
		t.Error("the same is not the same")
	}
	if digest(stubbed(t, "1")) == first {
		t.Error("another time makes no difference")
	}
	other := stubbed(t, "")
	other.version = "v1.2.4"
	if digest(other) == first {
		t.Error("another version makes no difference")
	}
}

// TestCertificateAuthorities: there are some, and Go can use each.
func TestCertificateAuthorities(t *testing.T) {
	t.Parallel()
	text, err := certificateAuthorities()
	check(t, err)
	n := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		c, err := x509.ParseCertificate(block.Bytes)
		check(t, err)
		if !c.IsCA {
			t.Errorf("%s is no authority", c.Subject)
		}
		n++
	}
	if n < 100 {
		t.Errorf("%d authorities, want those of Mozilla", n)
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"no Linux":        {"-platforms", "darwin/arm64"},
		"no architecture": {"-platforms", "linux"},
		"no name":         {"-image", "Registry Example/x"},
		"no such flag":    {"-base", "scratch"},
	} {
		if _, err := parse(args, ""); err == nil {
			t.Errorf("%s: %v was taken", name, args)
		}
	}
	if _, err := parse(nil, "yesterday"); err == nil {
		t.Error("SOURCE_DATE_EPOCH=yesterday was taken")
	}
}

// TestPush: a registry gets the index and everything that it references.
func TestPush(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(registry.New(registry.Logger(log.New(io.Discard, "", 0))))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	o, err := parse([]string{"-output", t.TempDir(), "-image", host + "/team/overrides:v1"}, "")
	check(t, err)
	o.compile = stub
	b, err := build(t.Context(), o)
	check(t, err)
	check(t, push(t.Context(), o, b))
	pulled, err := remote.Index(o.tag, remote.WithContext(t.Context()))
	check(t, err)
	want, err := b.index.Digest()
	check(t, err)
	if got, err := pulled.Digest(); err != nil || got != want {
		t.Errorf("the registry has %v, %v, want %v", got, err, want)
	}
	for _, i := range b.images {
		digest, err := i.image.Digest()
		check(t, err)
		image, err := pulled.Image(digest)
		check(t, err)
		if len(unpack(t, image)) == 0 {
			t.Errorf("%s is empty", i.platform.String())
		}
	}
}
