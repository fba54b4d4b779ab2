package program

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
)

// CacheDir returns the folder for programs: OVERRIDES_CACHE, else a folder in the user's
// cache (XDG_CACHE_HOME on Linux).
func CacheDir() (string, error) {
	if dir := os.Getenv("OVERRIDES_CACHE"); dir != "" {
		return filepath.Join(dir, "localmesh"), nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("find the user's cache: %w", err)
	}
	return filepath.Join(dir, "overrides", "localmesh"), nil
}

// Paths are executables by name.
type Paths map[string]string

// Built returns the programs of m if all of them are built.
func Built(m Module) (Paths, bool) {
	cache, err := CacheDir()
	if err != nil {
		return nil, false
	}
	paths := Paths{}
	for _, program := range m.Programs {
		path := filepath.Join(cache, m.key(), program.Name)
		if info, err := os.Stat(path); err != nil || !info.Mode().IsRegular() {
			return nil, false
		}
		paths[program.Name] = path
	}
	return paths, true
}

// Build returns the programs of m, and builds those that are missing: minutes of work and
// gigabytes of Go's cache the first time. It writes the names of programs that it builds
// to log. Several processes may call it at the same time; one waits for the other.
func Build(ctx context.Context, m Module, log io.Writer) (Paths, error) {
	if paths, ok := Built(m); ok {
		return paths, nil
	}
	cache, err := CacheDir()
	if err != nil {
		return nil, err
	}
	dir := filepath.Join(cache, m.key())
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, fmt.Errorf("make the cache: %w", err)
	}
	unlock, err := lock(filepath.Join(dir, "lock"))
	if err != nil {
		return nil, err
	}
	defer unlock()
	if paths, ok := Built(m); ok {
		return paths, nil
	}
	work, err := m.checkout()
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(work)
	programs := m.Programs
	if m.resolve != nil {
		if programs, err = m.resolve(ctx, work); err != nil {
			return nil, err
		}
	}
	for _, program := range programs {
		fmt.Fprintf(log, "building %s of %s\n", program.Name, m.Name)
		if err := build(ctx, work, program, filepath.Join(dir, program.Name), log); err != nil {
			return nil, err
		}
	}
	paths, ok := Built(m)
	if !ok {
		return nil, fmt.Errorf("%s: programs are missing after a build without errors", dir)
	}
	return paths, nil
}

// build writes one program to path atomically: an interrupted build leaves nothing.
func build(ctx context.Context, work string, program Program, path string, log io.Writer) error {
	partial := path + ".partial"
	args := append([]string{"build"}, sharedFlags()...)
	args = append(append(args, program.Flags...), "-o", partial, program.Package)
	cmd := goCommand(ctx, work, args...)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("build %s: %w", program.Name, err)
	}
	if err := os.Rename(partial, path); err != nil {
		return fmt.Errorf("keep %s: %w", program.Name, err)
	}
	return nil
}

// checkout returns a new folder with the go.mod and go.sum of m.
func (m Module) checkout() (string, error) {
	dir, err := os.MkdirTemp("", "overrides-"+m.Name+"-")
	if err != nil {
		return "", fmt.Errorf("make a folder to build %s in: %w", m.Name, err)
	}
	for name, data := range map[string][]byte{"go.mod": m.Mod, "go.sum": m.Sum} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o644); err != nil {
			return "", errors.Join(err, os.RemoveAll(dir))
		}
	}
	return dir, nil
}

// Source returns the folder in Go's module cache with the source of the module path, in
// the version that m pins and with the contents that match its go.sum. It downloads the
// module if necessary.
func Source(ctx context.Context, m Module, path string) (string, error) {
	work, err := m.checkout()
	if err != nil {
		return "", err
	}
	defer os.RemoveAll(work)
	return download(ctx, work, path)
}

// download fetches the source of a module that the go.mod in dir requires.
func download(ctx context.Context, dir, path string) (string, error) {
	cmd := goCommand(ctx, dir, "mod", "download", "-json", path)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, runErr := cmd.Output()
	var found struct{ Dir, Error string }
	if err := json.Unmarshal(out, &found); err != nil || found.Dir == "" {
		return "", fmt.Errorf("download %s: %w: %s%s", path, firstOf(runErr, err), found.Error, stderr.Bytes())
	}
	return found.Dir, nil
}

// firstOf returns the first error that is not nil.
func firstOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return errors.New("no folder")
}

// goCommand returns a Go command in the module at dir. It ignores settings of the caller
// that would change the built program, but not proxies.
func goCommand(ctx context.Context, dir string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=")
	return cmd
}
