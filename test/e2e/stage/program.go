package stage

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
)

// Programs are those of this repository, built.
type Programs struct {
	// Overrides is cmd/overrides, Sample cmd/sample.
	Overrides, Sample string
}

// BuildPrograms builds them into dir, from the root of the repository.
func BuildPrograms(ctx context.Context, root, dir string) (Programs, error) {
	out := Programs{Overrides: filepath.Join(dir, "overrides"), Sample: filepath.Join(dir, "sample")}
	cmd := exec.CommandContext(ctx, "go", "build", "-buildvcs=false", "-o", dir+string(filepath.Separator), "./cmd/overrides", "./cmd/sample")
	cmd.Dir = root
	if output, err := cmd.CombinedOutput(); err != nil {
		return out, fmt.Errorf("build programs: %w\n%s", err, output)
	}
	return out, nil
}
