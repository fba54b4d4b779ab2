package main

import (
	"bytes"
	"context"
	_ "embed" // the client's manifest
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/overrides-mesh/overrides/examples"
	"github.com/overrides-mesh/overrides/internal/demo/script"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
)

//go:embed client.yaml
var client []byte

// namespace is the namespace of examples/chain.
const namespace = "chain"

// demoFlags are the settings of the demo.
type demoFlags struct {
	script            bool
	sample, overrides string
	port              int
}

// demo runs examples/chain on a mesh, with the configuration that "overrides generate"
// prints for it, and plays the talk's script or keeps running.
func demo(ctx context.Context, args []string) (err error) {
	var f demoFlags
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.BoolVar(&f.script, "script", false, "play the talk's demo and exit")
	flags.StringVar(&f.sample, "sample", "bin/sample", "the `program` that Pods run")
	flags.StringVar(&f.overrides, "overrides", "bin/overrides", "the `program` that generates the configuration")
	flags.IntVar(&f.port, "port", 8080, "the `port` of loopback for requests; 0 for a free one")
	if err := flags.Parse(args); err != nil {
		return err
	}
	sample, err := filepath.Abs(f.sample)
	if err != nil {
		return err
	}
	began := time.Now()
	mesh, err := localmesh.Start(ctx, localmesh.Options{Log: os.Stderr, Images: map[string]string{"sample": sample}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mesh.Stop()) }()
	if err := deployChain(ctx, mesh); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "the chain is ready after %v\n", time.Since(began).Round(100*time.Millisecond))
	if err := generate(ctx, mesh, f.overrides); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "overrides are in place after %v\n", time.Since(began).Round(100*time.Millisecond))
	if f.script {
		return play(ctx, mesh)
	}
	return stay(ctx, mesh, f.port)
}

func deployChain(ctx context.Context, mesh *localmesh.Mesh) error {
	manifest, err := examples.ChainManifest()
	if err != nil {
		return err
	}
	if err := mesh.Apply(ctx, manifest, client); err != nil {
		return err
	}
	if err := mesh.WaitReady(ctx, namespace); err != nil {
		return err
	}
	return mesh.Settle(ctx)
}

// generate applies the program's output for the mesh: subsets, and when all proxies have
// received them, routes.
func generate(ctx context.Context, mesh *localmesh.Mesh, program string) error {
	cmd := exec.CommandContext(ctx, program, "generate", "--namespace", namespace, "--kubeconfig", mesh.Kubeconfig)
	cmd.Stderr = os.Stderr
	output, err := cmd.Output()
	if err != nil {
		return fmt.Errorf("%s: %w", cmd, err)
	}
	objects, err := controlplane.Decode(output)
	if err != nil {
		return fmt.Errorf("%s: %w", cmd, err)
	}
	for _, kind := range []string{"DestinationRule", "VirtualService"} {
		for _, object := range objects {
			if object.GetKind() != kind {
				continue
			}
			if err := mesh.ApplyObjects(ctx, object); err != nil {
				return err
			}
		}
		if err := mesh.Settle(ctx); err != nil {
			return err
		}
	}
	return nil
}

// play plays the talk's script through the client's sidecar.
func play(ctx context.Context, mesh *localmesh.Mesh) error {
	pod, err := mesh.Pod(ctx, namespace, "app=client")
	if err != nil {
		return err
	}
	c, err := mesh.Client(ctx, pod)
	if err != nil {
		return err
	}
	info, err := os.Stdout.Stat()
	terminal := err == nil && info.Mode()&os.ModeCharDevice != 0
	return script.Play(ctx, os.Stdout, script.Talk(), script.Options{Send: script.Over(c), Color: terminal})
}

// stay prints commands to try, and waits to be interrupted.
func stay(ctx context.Context, mesh *localmesh.Mesh, port int) error {
	address, err := serveEntry(ctx, mesh, port)
	if err != nil {
		return err
	}
	var commands bytes.Buffer
	for _, step := range script.Talk() {
		fmt.Fprintf(&commands, "  # %s\n  %s\n", step.Title, step.Request.Curl("http://client."+namespace+"@"+address))
	}
	fmt.Fprintf(os.Stderr, "\nTry, from inside the client's Pod, through its sidecar:\n\n%s\nexport KUBECONFIG=%s\n\nCtrl-C ends it.\n", &commands, mesh.Kubeconfig)
	return wait(ctx, mesh)
}
