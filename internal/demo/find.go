package demo

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
)

// ErrNoEnvoy means that there is no Envoy to run.
var ErrNoEnvoy = errors.New("there is no Envoy: run tools/envoy/install in a checkout of Overrides, or set ENVOY=/path/to/envoy")

// FindEnvoy returns the path of an Envoy: named if it is set, or one that
// tools/envoy/install has put below .cache of this folder or of one above it, or the one
// on the PATH.
func FindEnvoy(named string) (string, error) {
	if named != "" {
		path, err := exec.LookPath(named)
		if err != nil {
			return "", fmt.Errorf("find the Envoy that ENVOY names: %w", err)
		}
		return filepath.Abs(path)
	}
	dir, err := os.Getwd()
	for err == nil {
		// This is the program in the wheel; bin/envoy of the venv is a script that wraps
		// it.
		found, _ := filepath.Glob(filepath.Join(dir, ".cache/envoy/venv*/lib/*/site-packages/envoy/_bin/envoy"))
		for _, path := range slices.Backward(found) {
			if _, err := exec.LookPath(path); err == nil {
				return path, nil
			}
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			break
		}
		dir = parent
	}
	path, err := exec.LookPath("envoy")
	if err != nil {
		return "", ErrNoEnvoy
	}
	return filepath.Abs(path)
}
