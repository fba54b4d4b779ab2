package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"time"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/test/e2e/block"
)

// settings are the flags.
type settings struct {
	sample, overrides string
	tokens            int
	// trail measures a gateway that reports requests with overrides, instead of one with tokens.
	trail   bool
	options block.Options
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "token:", err)
		os.Exit(1)
	}
}

func parse() (*settings, error) {
	s := &settings{options: block.Options{Progress: os.Stderr}}
	flag.StringVar(&s.sample, "sample", "bin/sample", "the `program` that Pods run")
	flag.StringVar(&s.overrides, "overrides", "bin/overrides", "the `program` whose output is applied")
	flag.IntVar(&s.tokens, "tokens", 1000, "`number` of tokens in use")
	flag.BoolVar(&s.trail, "trail", false, "measure what it costs to report requests with overrides, instead of tokens")
	s.options.Register(flag.CommandLine)
	flag.Parse()
	if s.tokens < 1 {
		return nil, errors.New("-tokens: want one or more")
	}
	var errs [2]error
	s.sample, errs[0] = filepath.Abs(s.sample)
	s.overrides, errs[1] = filepath.Abs(s.overrides)
	return s, errors.Join(errs[:]...)
}

func run(ctx context.Context) (err error) {
	s, err := parse()
	if err != nil {
		return err
	}
	mesh, err := localmesh.Start(ctx, localmesh.Options{Log: os.Stderr, Images: map[string]string{"sample": s.sample, "overrides": s.overrides}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, mesh.Stop()) }()
	if err := errors.Join(mesh.Apply(ctx, deployed()), mesh.WaitReady(ctx, namespace)); err != nil {
		return err
	}
	open := s.open
	if s.trail {
		open = s.openTrail
	}
	all, err := open(ctx, mesh)
	if err != nil {
		return err
	}
	var blocks []*block.Block
	for _, k := range all {
		blocks = append(blocks, k.Block)
	}
	if err := block.Measure(ctx, s.options, blocks); err != nil {
		return err
	}
	report(os.Stdout, all)
	return nil
}

// open gives the guarded gateway its filter, and all their routes, and returns the requests to
// measure.
func (s *settings) open(ctx context.Context, mesh *localmesh.Mesh) ([]*kind, error) {
	signer, err := newSigner()
	if err != nil {
		return nil, err
	}
	filter, err := s.filter(ctx, mesh.Dir, signer)
	if err != nil {
		return nil, err
	}
	routes, err := s.printed(ctx, "generate")
	if err != nil {
		return nil, err
	}
	if err := mesh.Apply(ctx, filter, routes); err != nil {
		return nil, err
	}
	all, err := findAll(ctx, mesh)
	if err != nil {
		return nil, err
	}
	text, err := signer.sign(time.Now())
	if err != nil {
		return nil, err
	}
	if err := errors.Join(
		all[0].await(ctx, header, "shop:"+preview, preview),
		all[1].await(ctx, header, "shop:"+preview, preview),
		all[2].await(ctx, tokenHeader, text, preview),
		all[2].await(ctx, header, "shop:"+preview, released),
		mesh.Settle(ctx),
	); err != nil {
		return nil, err
	}
	// Connections from before the filter are served without it for a while.
	all[2].client.CloseIdleConnections()
	return kinds(all, signer, s.tokens)
}

// findAll finds the pods of all gateways.
func findAll(ctx context.Context, mesh *localmesh.Mesh) (all [3]*gateway, err error) {
	for i, name := range gateways {
		if all[i], err = find(ctx, mesh, name); err != nil {
			return all, err
		}
	}
	return all, nil
}

// find finds the pod of a gateway.
func find(ctx context.Context, mesh *localmesh.Mesh, name string) (*gateway, error) {
	g := &gateway{name: name}
	var err error
	if g.pod, err = mesh.Pod(ctx, namespace, "istio="+name); err != nil {
		return nil, err
	}
	if g.pid, err = block.FindProxy(mesh.Dir, g.pod.Name); err != nil {
		return nil, err
	}
	g.client, err = mesh.Client(ctx, localmesh.Pod{})
	return g, err
}
