package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/internal/process"
)

// fault is a fault around the operator.
type fault struct {
	name string
	// inflict causes it, and returns when it is over.
	inflict func(*Soak, context.Context, *rand.Rand) error
	// share is its relative frequency.
	share int
}

// faults are all faults, by the names in the options.
func faults() []fault {
	return []fault{
		{"kill", (*Soak).kill, 20},
		{"leader", (*Soak).leader, 1},
		{"apiserver", (*Soak).restartServer, 1},
		{"istiod", (*Soak).restartIstiod, 1},
		{"cut", (*Soak).cut, 1},
		{"silence", (*Soak).silence, 1},
		{"webhook", (*Soak).webhook, 1},
		{"refusal", (*Soak).refusal, 1},
		{"fight", (*Soak).fight, 1},
		{"deletion", (*Soak).deletion, 1},
	}
}

// FaultNames lists the names of faults.
func FaultNames() []string {
	var out []string
	for _, f := range faults() {
		out = append(out, f.name)
	}
	return out
}

// chosen are the faults of the options; "all" means all.
func chosen(names []string) ([]fault, error) {
	if slices.Contains(names, "all") {
		return faults(), nil
	}
	var out []fault
	for _, name := range names {
		i := slices.IndexFunc(faults(), func(f fault) bool { return f.name == name })
		if i < 0 {
			return nil, fmt.Errorf("unknown fault %q: want one of %s", name, strings.Join(FaultNames(), ", "))
		}
		out = append(out, faults()[i])
	}
	return out, nil
}

// inflict causes faults, one after the other, until ctx ends.
func (s *Soak) inflict(ctx context.Context, all []fault) error {
	random := rand.New(rand.NewPCG(s.options.Seed, 1<<62))
	var drawn []fault
	for _, f := range all {
		drawn = append(drawn, slices.Repeat([]fault{f}, f.share)...)
	}
	kills := 0
	for {
		if err := pause(ctx, s.options.Every/2+time.Duration(random.Int64N(int64(s.options.Every)))); err != nil {
			return nil //nolint:nilerr // it is over
		}
		f := drawn[random.IntN(len(drawn))]
		s.timeline.note("", "FAULT: %s", f.name)
		s.book.Phase(f.name)
		if err := f.inflict(s, ctx, random); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // it is over
			}
			return fmt.Errorf("fault %s: %w", f.name, err)
		}
		s.inflicted[f.name]++
		if f.name == "kill" {
			if kills++; kills%s.options.Kills != 0 {
				continue
			}
		}
		if err := s.rest(ctx, f.name); err != nil {
			if ctx.Err() != nil {
				return nil //nolint:nilerr // it is over
			}
			return fmt.Errorf("after %s: %w", f.name, err)
		}
	}
}

// rest lets all cycles end and no others begin, until the cluster has the output of
// generate.
func (s *Soak) rest(ctx context.Context, after string) error {
	s.busy.Lock()
	defer s.busy.Unlock()
	took, err := s.converger.converge(ctx)
	if err != nil {
		return err
	}
	s.journal.tell("after %s: the cluster has the output of generate, %v after the last cycle", after, took.Round(100*time.Millisecond))
	return nil
}

// kill kills the operator.
func (s *Soak) kill(context.Context, *rand.Rand) error {
	_, err := s.operators[0].kill()
	return err
}

// restartServer restarts the API server. Istiod's watches wait longer and longer before
// they retry, so istiod misses changes of pods for some time after that.
func (s *Soak) restartServer(ctx context.Context, _ *rand.Rand) error {
	return s.blindly(ctx, func() error { return s.mesh.Restart(ctx, "kube-apiserver") })
}

func (s *Soak) restartIstiod(ctx context.Context, _ *rand.Rand) error {
	return s.blindly(ctx, func() error { return s.mesh.Restart(ctx, "pilot-discovery") })
}

// blindly disturbs istiod, or its source, and has requests judged accordingly until all
// proxies have current routes and endpoints again. Meanwhile released versions are left
// alone: without updates about pods, changing them fails in any mesh.
func (s *Soak) blindly(ctx context.Context, do func() error) error {
	s.keeper.still.Lock()
	defer s.keeper.still.Unlock()
	s.book.Blind(true)
	defer s.book.Blind(false)
	if err := do(); err != nil {
		return err
	}
	if err := s.heard(ctx); err != nil {
		return err
	}
	// Wait for all writes before now; later writes are pushed as usual.
	return s.mesh.Settle(ctx)
}

// heard waits until proxies know a pod that is created now. It uses the permanent
// preview; without one it does not wait.
func (s *Soak) heard(ctx context.Context) error {
	if !s.options.Hold {
		return nil
	}
	held := &workload{service: "pay", name: "pay-hold", version: "hold", replicas: 1}
	if err := s.cycler.rollInPlace(ctx, held); err != nil {
		return err
	}
	return poll(ctx, "proxies know a new pod", func() (bool, error) {
		pods, err := s.mesh.Pods(ctx, namespace, "workload="+held.name)
		if err != nil {
			return false, nil //nolint:nilerr // the API server may be away
		}
		answer, err := s.sender.ask(ctx, held.service, held.service+":"+held.version)
		return err == nil && slices.ContainsFunc(pods, func(p corev1.Pod) bool {
			return p.Name == answer.Pod && p.DeletionTimestamp == nil
		}), nil
	})
}

// cut cuts the operator's connection to the API server.
func (s *Soak) cut(ctx context.Context, random *rand.Rand) error {
	s.link.cut()
	defer s.link.mend()
	return pause(ctx, time.Duration(random.IntN(5000))*time.Millisecond)
}

// silence makes the operator's connections die silently. The operator notices after a
// while.
func (s *Soak) silence(context.Context, *rand.Rand) error {
	s.link.silence()
	return nil
}

// webhook stops istiod for a moment: objects that its webhook validates can't be written.
func (s *Soak) webhook(ctx context.Context, random *rand.Rand) error {
	return s.blindly(ctx, func() error {
		if err := s.mesh.Signal(ctx, "pilot-discovery", syscall.SIGSTOP); err != nil {
			return err
		}
		err := pause(ctx, time.Duration(1000+random.IntN(4000))*time.Millisecond)
		return errors.Join(err, s.mesh.Signal(context.WithoutCancel(ctx), "pilot-discovery", syscall.SIGCONT))
	})
}

// leader replaces the operator by two, and kills the leading one.
func (s *Soak) leader(ctx context.Context, _ *rand.Rand) error {
	s.operators[0].stop()
	s.operators = s.operators[:0]
	run := context.WithoutCancel(ctx)
	elect := []string{"--leader-elect", "--lease-namespace", namespace}
	for _, name := range []string{"replica-a", "replica-b"} {
		s.operate(run, name, s.link.kubeconfig, elect...)
	}
	for range 3 {
		first, err := s.awaitLeader(ctx, nil)
		if err != nil {
			return err
		}
		if err := pause(ctx, 4*time.Second); err != nil {
			return err
		}
		began := time.Now()
		killed, err := first.kill()
		if err != nil {
			return err
		}
		if _, err := s.awaitLeader(ctx, killed); err != nil {
			return err
		}
		s.handovers = append(s.handovers, time.Since(began))
		s.journal.tell("leader killed: another leads after %v", time.Since(began).Round(time.Millisecond))
	}
	for _, o := range s.operators {
		o.stop()
	}
	s.operators = s.operators[:0]
	s.operate(run, "operator", s.link.kubeconfig)
	return nil
}

// awaitLeader waits until an operator leads, in another process than but.
func (s *Soak) awaitLeader(ctx context.Context, but *process.Process) (*operator, error) {
	var leader *operator
	err := poll(ctx, "an operator leads", func() (bool, error) {
		for _, o := range s.operators {
			if o.leads(but) {
				leader = o
				return true, nil
			}
		}
		return false, nil
	})
	return leader, err
}
