package programtest

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Build builds programs of this repository, whose root is at root, into the folder
// dir. args are flags of "go build", and then packages, such as "./cmd/sample".
func Build(ctx context.Context, root, dir string, args ...string) error {
	args = append([]string{"build", "-buildvcs=false", "-o", dir + string(filepath.Separator)}, args...)
	cmd := exec.CommandContext(ctx, "go", args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off")
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("build programs: %w\n%s", err, output)
	}
	return nil
}

// Overrides builds cmd/overrides for tb, and returns the path of the program;
// $OVERRIDES_BIN replaces it. flags are flags of "go build".
func Overrides(tb testing.TB, root string, flags ...string) string {
	tb.Helper()
	if path := os.Getenv("OVERRIDES_BIN"); path != "" {
		return path
	}
	dir := tb.TempDir()
	if err := Build(tb.Context(), root, dir, append(flags, "./cmd/overrides")...); err != nil {
		tb.Fatal(err)
	}
	return filepath.Join(dir, "overrides")
}
