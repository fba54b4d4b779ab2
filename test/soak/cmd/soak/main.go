package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"

	"github.com/overrides-mesh/overrides/test/soak"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

func parse() (soak.Options, error) {
	o := soak.DefaultOptions()
	flag.StringVar(&o.Sample, "sample", "bin/sample", "the `program` that pods run")
	flag.StringVar(&o.Overrides, "overrides", "bin/overrides", "the `program` under test")
	flag.StringVar(&o.CRD, "crd", "config/crd/overrides.mesh_overridepolicies.yaml", "the `file` with the kind OverridePolicy")
	flag.StringVar(&o.Dir, "dir", ".cache/soak", "the `folder` for the journal and logs")
	flag.Uint64Var(&o.Seed, "seed", o.Seed, "seed of the cycles")
	flag.IntVar(&o.From, "from", o.From, "the `number` of the first cycle")
	flag.IntVar(&o.Cycles, "cycles", o.Cycles, "how `many` cycles")
	flag.DurationVar(&o.Wait, "wait", o.Wait, "--propagation-delay of the operator")
	flag.DurationVar(&o.Keep, "keep", o.Keep, "--drain-delay of the operator")
	flag.DurationVar(&o.Startup, "startup", o.Startup, "the minimal `time` until previews are ready")
	flag.BoolVar(&o.Hold, "hold", o.Hold, "keep a permanent preview of each Service, so that others may be ready at once")
	gate := flag.Bool("gate", false, "use the readiness gate, which makes previews wait for the pin, so that they may be ready at once")
	webhook := flag.String("webhook", "config/install/readiness-gate.yaml", "the `file` with the webhook of the readiness gate")
	flag.Func("faults", "faults during the soak: all, or some of "+strings.Join(soak.FaultNames(), ","), func(text string) error {
		o.Faults = strings.Split(text, ",")
		return nil
	})
	flag.IntVar(&o.Times, "times", o.Times, "deploy, time and delete this `number` of versions, instead of the soak")
	flag.DurationVar(&o.Every, "every", o.Every, "the `time` between faults")
	flag.IntVar(&o.Kills, "kills", o.Kills, "the `number` of kills after which the cluster is compared with generate")
	flag.Func("flag", "another `flag` of the operator, such as --flag=--log-level=debug", func(text string) error {
		o.Flags = append(o.Flags, text)
		return nil
	})
	flag.Parse()
	var errs []error
	for _, path := range []*string{&o.Sample, &o.Overrides, &o.CRD, &o.Dir, webhook} {
		var err error
		*path, err = filepath.Abs(*path)
		errs = append(errs, err)
	}
	if *gate {
		o.Gate = *webhook
	}
	return o, errors.Join(errs...)
}

func run(ctx context.Context) (err error) {
	o, err := parse()
	if err != nil {
		return err
	}
	s, err := soak.Start(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	if o.Times > 0 {
		return errors.Join(s.Times(ctx), s.ReportTimes(os.Stdout))
	}
	return errors.Join(s.Cycles(ctx), s.Finish(ctx), s.Report(os.Stdout))
}
