package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/script"
)

// Options are settings of the demo.
type Options struct {
	// Envoy is the path of the program.
	Envoy string
	// Port is the port of the client's Envoy; 0 is the default one, or another if that is
	// taken.
	Port uint16
	// TempDir is the parent of the demo's folder; empty is the system's.
	TempDir string
	// Trust makes the Envoys take overrides from tokens alone, of a key that the demo makes.
	Trust bool
	// Out gets answers, Err progress.
	Out, Err io.Writer
	// OutTerminal and ErrTerminal are set if these are terminals.
	OutTerminal, ErrTerminal bool
}

// Run starts a state, prints commands to try, and waits for the end of ctx, which is not
// an error.
func Run(ctx context.Context, o Options, s *State) (err error) {
	w, err := o.start(ctx, s)
	defer func() { err = errors.Join(err, w.Close()) }()
	if err != nil {
		return err
	}
	hints, err := w.hints(s)
	if err != nil {
		return err
	}
	fmt.Fprint(o.Out, hints)
	select {
	case <-ctx.Done():
		fmt.Fprintln(o.Err, "stopping")
		return nil
	case err := <-w.Failed():
		return err
	}
}

// Script starts a state, plays the whole demo, and ends.
func Script(ctx context.Context, o Options, s *State) (err error) {
	w, err := o.start(ctx, s)
	defer func() { err = errors.Join(err, w.Close()) }()
	if err != nil {
		return err
	}
	steps := script.Talk()
	if o.Trust {
		tokens, err := w.trust.tokens(time.Now())
		if err != nil {
			return err
		}
		steps = script.Trust(tokens)
	}
	fmt.Fprintln(o.Err)
	return script.Play(ctx, o.Out, steps, script.Options{Send: w.send, Command: w.command, Color: o.OutTerminal})
}

// start starts a state and prints how long that took.
func (o *Options) start(ctx context.Context, s *State) (*World, error) {
	began := time.Now()
	pods := 0
	for i := range s.Workloads {
		pods += s.Workloads[i].Replicas
	}
	fmt.Fprintf(o.Err, "starting %d pods and %d Envoys … ", pods, len(s.Workloads)+1)
	w, err := Start(ctx, *o, s)
	if err != nil {
		fmt.Fprintln(o.Err, "no")
		return w, err
	}
	fmt.Fprintf(o.Err, "ready in %.1f s\n", time.Since(began).Seconds())
	return w, nil
}
