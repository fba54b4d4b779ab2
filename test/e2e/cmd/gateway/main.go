package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/test/e2e/block"
)

// settings are the flags.
type settings struct {
	sample, overrides string
	// previews is the number of previews of shop, rules that of the user's routes.
	previews, rules int
	// limits are numbers of previews that are generated and applied at last.
	limits  []int
	options block.Options
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "gateway:", err)
		os.Exit(1)
	}
}

func parse() (*settings, error) {
	s := &settings{limits: []int{200, 260, 300, 1000}, options: block.Options{Progress: os.Stderr}}
	flag.StringVar(&s.sample, "sample", "bin/sample", "the `program` that Pods run")
	flag.StringVar(&s.overrides, "overrides", "bin/overrides", "the `program` whose output is applied")
	flag.IntVar(&s.previews, "previews", 200, "`number` of previews")
	flag.IntVar(&s.rules, "rules", 5, "`number` of routes of the user's VirtualService")
	s.options.Register(flag.CommandLine)
	flag.Parse()
	var errs [2]error
	s.sample, errs[0] = filepath.Abs(s.sample)
	s.overrides, errs[1] = filepath.Abs(s.overrides)
	if s.previews < 2 || s.rules < 2 {
		return nil, errors.New("-previews, -rules: want two or more")
	}
	return s, errors.Join(errs[:]...)
}

// gateway is the gateway, its only pod, and a client outside of the mesh.
type gateway struct {
	mesh   *localmesh.Mesh
	pod    localmesh.Pod
	pid    int
	client *http.Client
}

func run(ctx context.Context) (err error) {
	s, err := parse()
	if err != nil {
		return err
	}
	mesh, err := localmesh.Start(ctx, localmesh.Options{Log: os.Stderr, Images: map[string]string{"sample": s.sample}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mesh.Stop()) }()
	g, err := open(ctx, mesh, s)
	if err != nil {
		return err
	}
	defer g.client.CloseIdleConnections()
	r, err := g.measure(ctx, s)
	if err != nil {
		return err
	}
	report(os.Stdout, r)
	return nil
}

// open deploys both hosts, without any preview.
func open(ctx context.Context, mesh *localmesh.Mesh, s *settings) (*gateway, error) {
	if err := errors.Join(mesh.Apply(ctx, deployed(s.rules)), mesh.WaitReady(ctx, namespace)); err != nil {
		return nil, err
	}
	g := &gateway{mesh: mesh}
	var err error
	if g.pod, err = mesh.Pod(ctx, namespace, "istio=gateway"); err != nil {
		return nil, err
	}
	if g.pid, err = block.FindProxy(mesh.Dir); err != nil {
		return nil, err
	}
	if g.client, err = mesh.Client(ctx, localmesh.Pod{}); err != nil {
		return nil, err
	}
	return g, g.await(ctx, released)
}

// measure adds the previews and measures.
func (g *gateway) measure(ctx context.Context, s *settings) (*results, error) {
	r := &results{}
	var err error
	if r.before, err = g.held(ctx); err != nil {
		return nil, err
	}
	without, err := s.generate(ctx, s.previews-1)
	if err != nil {
		return nil, err
	}
	if r.with, err = s.generate(ctx, s.previews, last); err != nil {
		return nil, err
	}
	if err := g.mesh.Apply(ctx, r.with.rules); err != nil {
		return nil, err
	}
	if r.additions, err = g.oneMore(ctx, without, r.with); err != nil {
		return nil, err
	}
	if r.after, err = g.held(ctx); err != nil {
		return nil, err
	}
	r.kinds = g.kinds()
	var blocks []*block.Block
	for _, k := range r.kinds {
		blocks = append(blocks, k.Block)
	}
	s.options.PID = g.pid
	if err := block.Measure(ctx, s.options, blocks); err != nil {
		return nil, err
	}
	r.limits, err = g.limits(ctx, s)
	return r, err
}
