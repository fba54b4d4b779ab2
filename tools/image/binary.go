package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// compile builds the program for a platform, in a given folder, and returns it. It
// contains nothing of the machine: no paths, no C, no state of a checkout.
func compile(ctx context.Context, o *options, platform v1.Platform, folder string) ([]byte, error) {
	path := filepath.Join(folder, "overrides-"+platform.Architecture+platform.Variant)
	flags := "-s -w -buildid= -X github.com/overrides-mesh/overrides/internal/cli.version=" + o.version
	cmd := exec.CommandContext(ctx, "go", "build", "-tags=grpcnotrace", "-trimpath", "-buildvcs=false", "-ldflags", flags, "-o", path, "./cmd/overrides")
	cmd.Dir = o.source
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOOS="+platform.OS, "GOARCH="+platform.Architecture, "GOFLAGS=", "GOWORK=off", "GOEXPERIMENT=", "GOAMD64=v1", "GOARM64=v8.0")
	if output, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build for %s: %w\n%s", platform.String(), err, output)
	}
	return os.ReadFile(path)
}
