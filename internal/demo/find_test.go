package demo_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/overrides-mesh/overrides/internal/demo"
)

// TestFindEnvoy: an Envoy is found where named says, then in the folders above, then on
// the PATH.
func TestFindEnvoy(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	program := func(parts ...string) string {
		path := filepath.Join(append([]string{root}, parts...)...)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte("#!/bin/sh\n"), 0o700); err != nil {
			t.Fatal(err)
		}
		return path
	}
	inside := filepath.Join(root, "checkout", "docs")
	if err := os.MkdirAll(inside, 0o700); err != nil {
		t.Fatal(err)
	}
	t.Chdir(inside)
	t.Setenv("PATH", filepath.Join(root, "path"))

	want := func(named, path string) {
		t.Helper()
		if got, err := demo.FindEnvoy(named); err != nil || got != path {
			t.Errorf("got %s (%v), want %s", got, err, path)
		}
	}
	if _, err := demo.FindEnvoy(""); !errors.Is(err, demo.ErrNoEnvoy) {
		t.Errorf("got %v", err)
	}
	want("", program("path", "envoy"))
	want("", program("checkout", ".cache/envoy/venv-1/lib/python3/site-packages/envoy/_bin/envoy"))
	want(program("named"), filepath.Join(root, "named"))
	if _, err := demo.FindEnvoy(filepath.Join(root, "nothing")); err == nil || errors.Is(err, demo.ErrNoEnvoy) {
		t.Errorf("got %v", err)
	}
}
