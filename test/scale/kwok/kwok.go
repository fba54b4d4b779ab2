// Package kwok runs kwok (sigs.k8s.io/kwok), which plays the nodes and pods of a cluster:
// a created pod becomes ready by itself after a few seconds, with an address, and
// disappears a moment after its deletion. Nothing runs in it.
//
// Input: a kubeconfig. Output: a process, built from its Go module once, as package
// program does for the rest of the control plane. It must never be used with a cluster of
// real kubelets.
package kwok

import (
	"context"
	_ "embed" // its go.mod, go.sum and stages
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/overrides-mesh/overrides/internal/process"
	"github.com/overrides-mesh/overrides/localmesh/program"
)

var (
	//go:embed kwok.mod
	mod []byte
	//go:embed kwok.sum
	sum []byte
	//go:embed stages.yaml
	stages []byte
)

// Module returns the module that kwok is built from.
func Module() program.Module {
	return program.Module{Name: "kwok", Mod: mod, Sum: sum, Programs: []program.Program{
		{Name: "kwok", Package: "sigs.k8s.io/kwok/cmd/kwok", Flags: []string{"-ldflags=-s -w"}},
	}}
}

// Start makes kwok play all nodes of a cluster. Its files are in dir, including its log.
func Start(ctx context.Context, kubeconfig, dir string, log io.Writer) (*process.Process, error) {
	paths, err := program.Build(ctx, Module(), log)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "kwok-stages.yaml")
	if err := os.WriteFile(config, stages, 0o600); err != nil {
		return nil, fmt.Errorf("write stages: %w", err)
	}
	// kwok outlives the start, so no context ends it.
	cmd := exec.Command(paths["kwok"], "--kubeconfig="+kubeconfig, "--manage-all-nodes=true", "--config="+config, //nolint:noctx // see above
		"--cidr=10.0.0.1/8", "--node-lease-duration-seconds=200")
	cmd.Env = append(os.Environ(), "HOME="+dir)
	return process.Start(cmd, filepath.Join(dir, "kwok.log"))
}
