package main

import (
	"context"
	_ "embed" // the workloads
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/overrides-mesh/overrides/localmesh"
)

//go:embed workloads.yaml
var workloads []byte

// settings are the flags.
type settings struct {
	sample  string
	counts  []int
	rounds  int
	block   time.Duration
	workers int
	seed    uint64
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
	var s settings
	counts := flag.String("routes", "0,10,100,1000", "`numbers` of versions besides the released one")
	flag.StringVar(&s.sample, "sample", "bin/sample", "the `program` that Pods run")
	flag.IntVar(&s.rounds, "rounds", 15, "`times` that each block is measured")
	flag.DurationVar(&s.block, "block", 500*time.Millisecond, "`length` of a block")
	flag.IntVar(&s.workers, "workers", 4, "concurrent `requests`")
	flag.Uint64Var(&s.seed, "seed", 1, "seed of the order of blocks")
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
	if err := deploy(ctx, mesh, all); err != nil {
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
	pid, err := findProxy(mesh.Dir)
	if err != nil {
		return err
	}
	measured := blocks(all)
	if err := measure(ctx, s, client, pid, measured); err != nil {
		return err
	}
	report(os.Stdout, measured)
	return nil
}

// deploy applies workloads, subsets and routes, each when the proxy has received those
// before.
func deploy(ctx context.Context, mesh *localmesh.Mesh, all []service) error {
	core, rules, routes, err := manifests(all)
	if err != nil {
		return err
	}
	if err := mesh.Apply(ctx, workloads, core); err != nil {
		return err
	}
	if err := mesh.WaitReady(ctx, namespace); err != nil {
		return err
	}
	for _, manifest := range [][]byte{rules, routes} {
		if err := errors.Join(mesh.Apply(ctx, manifest), mesh.Settle(ctx)); err != nil {
			return err
		}
	}
	return nil
}

// measure runs all blocks in each round, in a new order, after a first round for warming
// up.
func measure(ctx context.Context, s settings, client *http.Client, pid int, all []*block) error {
	random := rand.New(rand.NewPCG(s.seed, 0))
	for round := range s.rounds + 1 {
		for _, i := range random.Perm(len(all)) {
			if err := all[i].run(ctx, client, pid, s.workers, s.block); err != nil {
				return err
			}
			if round == 0 {
				all[i].samples = nil
			}
		}
		fmt.Fprintf(os.Stderr, "\rround %d of %d", round, s.rounds)
	}
	fmt.Fprintln(os.Stderr)
	return nil
}
