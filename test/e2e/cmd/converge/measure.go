package main

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/proxysync/istiod"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/machine"
)

// gaps are the times between the storing of the subset and the writing of the route;
// whenSettled means when the sync status reports it.
var gaps = []time.Duration{0, 100 * time.Millisecond, 300 * time.Millisecond, time.Second, whenSettled}

const whenSettled = -1

// bench is one run.
type bench struct {
	settings

	mesh   *localmesh.Mesh
	fleet  *fleet
	client *istiod.Client
	// round counts rounds; subsets are the last one of each Service.
	round   int
	subsets map[string]string
}

// result has the measurements with one number of sidecars.
type result struct {
	proxies int
	// warm and routed are the times from storing the object until a sidecar received it.
	warm, routed []time.Duration
	// asked and lag are the times until the sync status reported a subset, from its
	// storing and from its arrival in the last sidecar; took is the duration of a round
	// of questions.
	asked, lag, took []time.Duration
	// early counts subsets that were reported as acked before a sidecar had received
	// them.
	early int
	order map[time.Duration]*disorder
	// silent counts rounds with a silent sidecar; hasty those in which the subset was
	// reported as acked anyway.
	silent, hasty int
}

// disorder counts routes that arrived before their subset.
type disorder struct {
	rounds, affected, proxies, early int
	longest                          time.Duration
}

func newBench(mesh *localmesh.Mesh, s settings) (*bench, error) {
	client, err := istiod.New(mesh.Config, istiod.Options{
		Namespace: controlplane.IstioNamespace, ServiceAccount: istiod.DefaultServiceAccount, Addresses: []string{machine.NodeAddress + ":15012"},
		Dial: func(ctx context.Context, _, address string) (net.Conn, error) {
			return mesh.Dial(ctx, localmesh.Pod{}, address)
		},
	})
	return &bench{settings: s, mesh: mesh, fleet: newFleet(mesh), client: client, subsets: map[string]string{}}, err
}

// measure measures with the current sidecars. The orders of writing alternate, so that
// other load on the machine affects all of them.
func (b *bench) measure(ctx context.Context) (*result, error) {
	r := &result{proxies: len(b.fleet.sidecars), order: map[time.Duration]*disorder{}}
	for _, gap := range gaps {
		r.order[gap] = &disorder{}
	}
	for n := range b.rounds {
		for _, gap := range gaps {
			if err := b.play(ctx, r, gap); err != nil {
				return nil, err
			}
		}
		fmt.Fprintf(os.Stderr, "\r%d sidecars, round %d of %d", r.proxies, n+1, b.rounds)
	}
	fmt.Fprintln(os.Stderr)
	for range b.silent {
		if err := b.playSilent(ctx, r); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// next returns a Service, its new subset, and its previous one.
func (b *bench) next() (service, subset, before string) {
	service = serviceName(b.round % b.services)
	b.round++
	subset, before = fmt.Sprintf("r%d", b.round), b.subsets[service]
	b.subsets[service] = subset
	return service, subset, before
}

// follow watches the sidecars for a subset, and starts asking istiod about it.
func (b *bench) follow(ctx context.Context, service, subset string) (*conversation, error) {
	b.fleet.begin(&aim{cluster: clusterOf(service, subset), marker: []byte("override." + subset)})
	return b.converse(ctx, plan.Cluster{Host: hostOf(service), Subset: subset})
}

// play is one round.
func (b *bench) play(ctx context.Context, r *result, gap time.Duration) error {
	service, subset, before := b.next()
	ask, err := b.follow(ctx, service, subset)
	if err != nil {
		return err
	}
	defer ask.end()
	if err := b.mesh.Apply(ctx, rule(service, subset, before)); err != nil {
		return err
	}
	stored := time.Now()
	ask.begin(stored)
	if gap == whenSettled {
		if err := poll(ctx, "istiod to say that all sidecars have a subset", func() bool { return !ask.ackedAt().IsZero() }); err != nil {
			return err
		}
	} else {
		pause(ctx, gap)
	}
	if err := b.mesh.Apply(ctx, routes(service, subset)); err != nil {
		return err
	}
	routesStored := time.Now()
	var warm, routed []time.Time
	if err := poll(ctx, "all sidecars to have a route", func() (all bool) {
		warm, routed, all = b.fleet.arrived(true)
		return all && !ask.ackedAt().IsZero()
	}); err != nil {
		return fmt.Errorf("%w; %d of %d have the subset, %d the route; istiod last said %s", err,
			b.fleet.count(false), r.proxies, b.fleet.count(true), ask.told())
	}
	r.add(stored, routesStored, warm, routed)
	r.order[gap].add(warm, routed)
	r.judge(stored, warm, ask)
	return nil
}

// playSilent is a round in which one sidecar reads nothing for a while.
func (b *bench) playSilent(ctx context.Context, r *result) error {
	service, subset, before := b.next()
	ask, err := b.follow(ctx, service, subset)
	if err != nil {
		return err
	}
	defer ask.end()
	quiet := b.fleet.sidecars[b.round%len(b.fleet.sidecars)]
	quiet.silent.Store(true)
	defer quiet.silent.Store(false)
	if err := b.mesh.Apply(ctx, rule(service, subset, before)); err != nil {
		return err
	}
	ask.begin(time.Now())
	pause(ctx, 2*time.Second)
	r.silent++
	if !ask.ackedAt().IsZero() {
		r.hasty++
	}
	quiet.silent.Store(false)
	return poll(ctx, "a sidecar to come back", func() bool {
		_, _, all := b.fleet.arrived(false)
		return all && !ask.ackedAt().IsZero()
	})
}

func (r *result) add(stored, routesStored time.Time, warm, routed []time.Time) {
	for i := range warm {
		r.warm = append(r.warm, warm[i].Sub(stored))
		r.routed = append(r.routed, routed[i].Sub(routesStored))
	}
}

// judge compares the sync status with the facts.
func (r *result) judge(stored time.Time, warm []time.Time, ask *conversation) {
	last := slices.MaxFunc(warm, time.Time.Compare)
	at := ask.ackedAt()
	r.asked, r.lag = append(r.asked, at.Sub(stored)), append(r.lag, at.Sub(last))
	r.took = append(r.took, ask.took...)
	if at.Before(last) {
		r.early++
	}
}

func (d *disorder) add(warm, routed []time.Time) {
	d.rounds++
	d.proxies += len(warm)
	early := 0
	for i := range warm {
		if routed[i].Before(warm[i]) {
			early++
			d.longest = max(d.longest, warm[i].Sub(routed[i]))
		}
	}
	d.early += early
	if early > 0 {
		d.affected++
	}
}
