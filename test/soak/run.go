package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/test/soak/judge"
	"github.com/overrides-mesh/overrides/test/soak/variant"
)

// Options are settings of a soak.
type Options struct {
	// Envoy, Sample and Overrides are the programs; Envoy may be empty.
	Envoy, Sample, Overrides string
	// CRD is the file with the kind OverridePolicy.
	CRD string
	// Dir is the folder for logs and the journal.
	Dir string
	Log io.Writer

	// Seed determines the cycles; Cycles of them run, starting with From.
	Seed         uint64
	From, Cycles int
	// Wait and Keep are settings of the operator.
	Wait, Keep time.Duration
	// Startup is the minimal time until previews are ready, unless something else keeps
	// them unready before the pin is in the proxies.
	Startup time.Duration
	// Hold keeps a permanent preview of each Service, so that each is always pinned: then
	// previews may become ready at any time.
	Hold bool
	// Gate is the file with the webhook of the readiness gate, if previews wait for the
	// pin: then they may become ready at any time, too. Empty for none.
	Gate string
	// Flags are more flags of the operator.
	Flags []string

	// Times is the number of versions to deploy, delete and time, instead of everything
	// else.
	Times int

	// Faults are caused, one each Every; after each the cluster is compared with the
	// output of generate, after kills only after this many.
	Faults []string
	Every  time.Duration
	Kills  int
}

// DefaultOptions returns the options of an ordinary soak, without the programs.
func DefaultOptions() Options {
	return Options{
		Log: os.Stderr, Seed: 1, Cycles: 1000, Wait: time.Second, Keep: 10 * time.Second, Startup: 2500 * time.Millisecond, Every: 10 * time.Second, Kills: 10,
	}
}

// Soak is a running soak.
type Soak struct {
	options Options
	mesh    *localmesh.Mesh
	objects dynamic.Interface

	timeline  *timeline
	book      *judge.Book
	versions  *versions
	cycler    *cycler
	sender    *sender
	load      *load.Load
	operators []*operator
	converger *converger
	keeper    *keeper
	journal   *journal
	link      *link
	marks     *marks

	// busy is held by each cycle, and by those that need a moment without cycles.
	busy sync.RWMutex
	// inflicted counts faults, handovers has the durations of leaders' handovers.
	inflicted map[string]int
	handovers []time.Duration

	began  time.Time
	cancel context.CancelFunc
}

// Start starts the mesh, the world and the operator, and the load once everything is
// stable. Call Close on the result.
func Start(ctx context.Context, o Options) (_ *Soak, err error) {
	if err := os.MkdirAll(o.Dir, 0o755); err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	s := &Soak{options: o, timeline: newTimeline(), inflicted: map[string]int{}}
	if s.journal, err = openJournal(filepath.Join(o.Dir, "journal.jsonl"), s.timeline, o.Log); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, s.Close())
		}
	}()
	if o.Times > 0 {
		s.marks = newMarks()
	}
	s.book = judge.NewBook(s.journal.failure)
	s.versions = newVersions(s.timeline, s.book)
	s.versions.tell = s.journal.tell
	s.mesh, err = localmesh.Start(ctx, localmesh.Options{Log: o.Log, Envoy: o.Envoy, Images: map[string]string{"*": o.Sample}, CRDs: []string{o.CRD}})
	if err != nil {
		return nil, err
	}
	if s.objects, err = dynamic.NewForConfig(s.mesh.Config); err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	s.cycler = &cycler{mesh: s.mesh, versions: s.versions, timeline: s.timeline}
	s.converger = &converger{path: o.Overrides, kubeconfig: s.mesh.Kubeconfig, objects: s.objects, timeline: s.timeline}
	s.keeper = &keeper{
		cycler: s.cycler, objects: s.objects, book: s.book, random: rand.New(rand.NewPCG(o.Seed, 1<<63)),
		done: map[string]int{}, paid: "v1", ship: 1,
	}
	if err := s.world(ctx); err != nil {
		return nil, err
	}
	return s, s.begin(ctx)
}

// world deploys the permanent workloads.
func (s *Soak) world(ctx context.Context) error {
	if err := s.mesh.Apply(ctx, worldManifest); err != nil {
		return fmt.Errorf("apply the world: %w", err)
	}
	deployments := s.mesh.Kubernetes().AppsV1().Deployments(namespace)
	if _, err := deployments.Create(ctx, client(), metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("deploy the client: %w", err)
	}
	for _, x := range services() {
		s.book.Release(x.name, x.atFirst()...)
		for _, r := range x.released {
			w := &workload{service: x.name, name: r.workload, version: r.version, replicas: 1, sidecar: x.sidecar}
			if _, err := deployments.Create(ctx, w.deployment(), metav1.CreateOptions{}); err != nil {
				return fmt.Errorf("deploy %s: %w", r.workload, err)
			}
		}
	}
	if s.options.Hold {
		for _, x := range services() {
			w := &workload{service: x.name, name: x.name + "-hold", version: "hold", replicas: 1}
			if _, err := deployments.Create(ctx, w.deployment(), metav1.CreateOptions{}); err != nil {
				return fmt.Errorf("deploy %s: %w", w.name, err)
			}
		}
	}
	return s.ready(ctx)
}

// ready waits until the world is ready, however long a busy machine takes.
func (s *Soak) ready(ctx context.Context) error {
	var err error
	for range 5 {
		if err = s.mesh.WaitReady(ctx, namespace); err == nil {
			return nil
		}
	}
	return err
}

// begin starts the operator, and then the load.
func (s *Soak) begin(ctx context.Context) error {
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	pod, err := s.mesh.Pod(ctx, namespace, "app=client")
	if err != nil {
		return err
	}
	client, err := s.mesh.Client(ctx, pod)
	if err != nil {
		return err
	}
	s.sender = &sender{client: client, book: s.book}
	s.versions.settle = func() error { return s.keeper.settle(ctx) }
	s.versions.begin = func(a *judge.Announcement) func() { return s.sender.override(ctx, a) }
	// One version of pay is always not released, so that all are overridable.
	for _, v := range []string{"v1", "v2"} {
		s.versions.deployed(judge.Version{Service: "pay", Name: v})
	}
	w := &watcher{timeline: s.timeline, versions: s.versions, marks: s.marks}
	if err := w.watch(ctx, s.mesh.Config); err != nil {
		return err
	}
	if s.link, err = openLink(ctx, s.mesh.Kubeconfig, s.options.Dir); err != nil {
		return err
	}
	if s.options.Gate != "" {
		flags, err := variant.Gate(ctx, s.mesh, s.options.Gate, namespace)
		if err != nil {
			return err
		}
		s.options.Flags = append(s.options.Flags, flags...)
	}
	s.operate(ctx, "operator", s.link.kubeconfig)
	if s.options.Gate != "" {
		if err := s.awaitGate(ctx); err != nil {
			return err
		}
	}
	if _, err := s.converger.converge(ctx); err != nil {
		return err
	}
	if err := s.mesh.Settle(ctx); err != nil {
		return err
	}
	s.began = time.Now()
	s.load = s.sender.ordinary(ctx)
	return nil
}

// operate starts an operator.
func (s *Soak) operate(ctx context.Context, name, kubeconfig string, flags ...string) {
	args := slices.Concat([]string{
		"--kubeconfig", kubeconfig, "--propagation-delay", s.options.Wait.String(), "--drain-delay", s.options.Keep.String(),
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0",
		// With and without a lease it is the same installation.
		"--instance", namespace,
	}, s.options.Flags, flags)
	s.operators = append(s.operators, s.startOperator(ctx, name, args...))
}

// Cycles runs the cycles of the options, and changes of released versions beside them.
func (s *Soak) Cycles(ctx context.Context) error {
	wrong, err := chosen(s.options.Faults)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	var beside, all sync.WaitGroup
	aside, stop := context.WithCancel(ctx)
	beside.Go(func() {
		if err := s.keeper.run(aside, 5*time.Second); err != nil {
			cancel(err)
		}
	})
	if len(wrong) > 0 {
		beside.Go(func() {
			if err := s.inflict(aside, wrong); err != nil {
				cancel(err)
			}
		})
	}
	places := slots()
	for i, place := range places {
		all.Go(func() {
			for n := s.options.From + i; n < s.options.From+s.options.Cycles && ctx.Err() == nil; n += len(places) {
				p := newPlan(s.options.Seed, n, place, s.startup())
				began := time.Now()
				s.busy.RLock()
				err := s.cycler.run(ctx, p)
				s.busy.RUnlock()
				if err != nil {
					if ctx.Err() == nil {
						s.journal.tell("cycle %d of seed %d: %v\n%s", n, s.options.Seed, err, s.timeline.of(place.service, began))
						cancel(fmt.Errorf("cycle %d: %w", n, err))
					}
					return
				}
				s.journal.cycle(n, p.version, time.Since(began), s.book.Counts())
			}
		})
	}
	all.Wait()
	stop()
	beside.Wait()
	return context.Cause(ctx)
}

// startup is the minimal time until previews are ready.
func (s *Soak) startup() time.Duration {
	if s.options.Hold || s.options.Gate != "" {
		return 0
	}
	return s.options.Startup
}

// Close ends everything.
func (s *Soak) Close() error {
	var errs []error
	if s.load != nil {
		s.load.Stop()
		s.load = nil
	}
	s.versions.endAll()
	if s.sender != nil {
		s.sender.ended.Wait()
		s.sender.client.CloseIdleConnections()
	}
	for _, o := range s.operators {
		o.stop()
	}
	if s.cancel != nil {
		s.cancel()
	}
	s.versions.confirmed.Wait()
	if s.link != nil {
		errs = append(errs, s.link.close())
	}
	if s.mesh != nil {
		errs = append(errs, s.mesh.Stop())
	}
	return errors.Join(append(errs, s.journal.close())...)
}

// Finish waits until the cluster has the output of generate, after the last change.
func (s *Soak) Finish(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	_, err := s.converger.converge(ctx)
	return err
}
