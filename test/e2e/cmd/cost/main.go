package main

import (
	"context"
	_ "embed" // the workloads
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/test/e2e/block"
)

//go:embed workloads.yaml
var workloads []byte

// settings are the flags.
type settings struct {
	sample  string
	counts  []int
	options block.Options
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "cost:", err)
		os.Exit(1)
	}
}

func parse() (settings, error) {
	s := settings{options: block.Options{Progress: os.Stderr}}
	counts := flag.String("routes", "0,10,100,1000", "`numbers` of versions besides the released one")
	flag.StringVar(&s.sample, "sample", "bin/sample", "the `program` that Pods run")
	s.options.Register(flag.CommandLine)
	flag.Parse()
	for text := range strings.SplitSeq(*counts, ",") {
		n, err := strconv.Atoi(text)
		if err != nil {
			return s, fmt.Errorf("-routes: %w", err)
		}
		s.counts = append(s.counts, n)
	}
	var err error
	s.sample, err = filepath.Abs(s.sample)
	return s, err
}

func run(ctx context.Context) (err error) {
	s, err := parse()
	if err != nil {
		return err
	}
	all := services(s.counts)
	mesh, err := localmesh.Start(ctx, localmesh.Options{Log: os.Stderr, Images: map[string]string{"sample": s.sample}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mesh.Stop()) }()
	held, err := deploy(ctx, mesh, all)
	if err != nil {
		return err
	}
	pod, err := mesh.Pod(ctx, namespace, "app=client")
	if err != nil {
		return err
	}
	client, err := mesh.Client(ctx, pod)
	if err != nil {
		return err
	}
	defer client.CloseIdleConnections()
	measured := kinds(client, all)
	var blocks []*block.Block
	for _, k := range measured {
		blocks = append(blocks, k.Block)
	}
	if s.options.PID, err = block.FindProxy(mesh.Dir); err != nil {
		return err
	}
	if err := block.Measure(ctx, s.options, blocks); err != nil {
		return err
	}
	report(os.Stdout, measured, held)
	return nil
}

// holding is what the proxy has at a time, and its memory with it, in bytes.
type holding struct {
	what            string
	objects, memory int64
}

// deploy applies workloads, subsets and routes, each when the proxy has received those
// before.
func deploy(ctx context.Context, mesh *localmesh.Mesh, all []service) ([]holding, error) {
	core, rules, routes, err := manifests(all)
	if err != nil {
		return nil, err
	}
	if err := mesh.Apply(ctx, workloads, core); err != nil {
		return nil, err
	}
	if err := mesh.WaitReady(ctx, namespace); err != nil {
		return nil, err
	}
	var out []holding
	var objects int64
	for _, part := range []struct {
		what     string
		manifest []byte
	}{{"no subsets, no routes", nil}, {"subsets of all versions", rules}, {"… and the routes", routes}} {
		objects += int64(len(part.manifest))
		if err := errors.Join(mesh.Apply(ctx, part.manifest), mesh.Settle(ctx)); err != nil {
			return nil, err
		}
		pid, err := block.FindProxy(mesh.Dir)
		if err != nil {
			return nil, err
		}
		memory, err := block.Memory(pid)
		if err != nil {
			return nil, err
		}
		out = append(out, holding{part.what, objects, memory})
	}
	return out, nil
}
