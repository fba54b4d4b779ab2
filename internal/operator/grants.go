package operator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	typedcore "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/grant"
)

// GrantOptions are the options of grants.
type GrantOptions struct {
	// Enabled makes the operator answer OverrideGrants with tokens. The other options only
	// matter if it is set.
	Enabled bool
	// Namespace and Secret name the Secret with the keys. If the namespace is empty, it is that
	// of the lease, or else of the pod.
	Namespace, Secret string
	// Address is the address of the public keys.
	Address string
	grant.Options
}

// Check returns an error for options with which no proxy would accept a token.
func (o *GrantOptions) Check() error {
	switch {
	case o.Lifetime < time.Second || o.Lifetime%time.Second != 0:
		return fmt.Errorf("--grants-token-lifetime: %v: want whole seconds, one or more", o.Lifetime)
	case o.Keys.PublishBefore < 0:
		return fmt.Errorf("--grants-publish-before: %v is negative", o.Keys.PublishBefore)
	case o.Keys.RotateAfter <= o.Keys.PublishBefore:
		return fmt.Errorf("--grants-rotate-after: %v: want more than --grants-publish-before, %v", o.Keys.RotateAfter, o.Keys.PublishBefore)
	}
	return nil
}

const (
	// grantDebounce is how long the loop of grants waits for further changes.
	grantDebounce = 50 * time.Millisecond
	// grantWriters is how many grants are answered at once.
	grantWriters = 8
)

// grants answers OverrideGrants: with a token in a Secret, and a status. It has a loop of its
// own, since it depends on other objects than routes do.
type grants struct {
	options  *GrantOptions
	store    *store
	keys     *signingKeys
	secrets  typedcore.SecretsGetter
	objects  dynamic.Interface
	recorder events.EventRecorder
	metrics  *grantMetrics
	log      *slog.Logger

	// live are the live grants of the last round.
	live map[types.UID]grant.Decision

	mu sync.Mutex
	// written are the statuses that were written and that the store may not have yet, and
	// retries are the grants whose answer could not be written.
	written map[types.UID]grantStatus
	retries map[types.UID]retry
}

// grantStatus is a status that was written, and the encoded one that it has replaced.
type grantStatus struct {
	base    string
	written v1alpha1.OverrideGrantStatus
}

// retry is when to try again after a number of failures.
type retry struct {
	failed int
	at     time.Time
}

// addGrants makes r answer grants, and adds the server of the keys to the manager.
func addGrants(manager ctrl.Manager, config *rest.Config, r *reconciler, p parts) error {
	if r.options.DryRun {
		p.log.Info("grants are not answered in a dry run")
		return nil
	}
	options := r.options.Grants
	var err error
	if options.Namespace, err = ownNamespace(options.Namespace, r.options.LeaseNamespace); err != nil {
		return fmt.Errorf("find the namespace of the signing keys: %w", err)
	}
	watched, err := typedcore.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	bounded := rest.CopyConfig(config)
	bounded.Timeout = r.options.RequestTimeout
	written, err := typedcore.NewForConfig(bounded)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	keys := newSigningKeys(&options, written, p.log)
	r.grants = &grants{
		options: &options, store: r.store, keys: keys, secrets: written, objects: p.policy.objects, recorder: p.recorder, metrics: p.grants, log: p.log,
	}
	server := &keyServer{keys: keys, address: options.Address, watched: watched, log: p.log}
	return errors.Join(manager.Add(server), manager.AddReadyzCheck("keys", server.ready))
}

// run answers after each change, and when a token must be renewed, until ctx ends.
func (g *grants) run(ctx context.Context) {
	g.live, g.written, g.retries = map[types.UID]grant.Decision{}, map[types.UID]grantStatus{}, map[types.UID]retry{}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			g.metrics.forget()
			return
		case <-g.store.grantsChanged:
			select {
			case <-ctx.Done():
			case <-time.After(grantDebounce):
			}
		case <-g.keys.changed:
		case <-timer.C:
		}
		if again := g.answer(ctx); !again.IsZero() {
			timer.Reset(max(time.Until(again), time.Millisecond))
		} else {
			timer.Reset(never)
		}
	}
}

// answer answers all grants whose answer has changed, and returns when to look again.
func (g *grants) answer(ctx context.Context) time.Time {
	now := time.Now()
	ring, problem, again := g.keys.maintain(ctx, g.options.Lifetime, now)
	in := g.store.grantInput()
	in.Ring, in.Options, in.Now = ring, g.options.Options, now
	g.overlay(in)
	decisions := grant.Decide(in)
	g.auditRevoked(decisions, now)
	g.metrics.show(decisions, g.keys.published())
	var writers errgroup.Group
	writers.SetLimit(grantWriters)
	for i := range decisions {
		d := &decisions[i]
		if d.Problem != "" && problem != "" {
			d.Problem = problem
		}
		again = earlier(again, d.Again)
		if at := g.retryAt(d.Grant.UID); now.Before(at) {
			again = earlier(again, at)
			continue
		}
		writers.Go(func() error {
			if ctx.Err() == nil {
				g.done(ctx, d, g.write(ctx, d, now))
			}
			return nil
		})
	}
	_ = writers.Wait() // no writer returns an error
	return earlier(again, g.firstRetry())
}

// overlay replaces statuses that are older than the last write, and forgets those of grants that
// are gone.
func (g *grants) overlay(in *grant.Input) {
	g.mu.Lock()
	defer g.mu.Unlock()
	present := map[types.UID]bool{}
	for i, object := range in.Grants {
		present[object.UID] = true
		last, known := g.written[object.UID]
		switch {
		case !known:
		case last.base == encodedStatus(&object.Status):
			replaced := *object
			replaced.Status = last.written
			in.Grants[i] = &replaced
		default:
			delete(g.written, object.UID)
		}
	}
	maps.DeleteFunc(g.written, func(uid types.UID, _ grantStatus) bool { return !present[uid] })
	maps.DeleteFunc(g.retries, func(uid types.UID, _ retry) bool { return !present[uid] })
}

// encodedStatus returns a status as the API server has it: times have whole seconds.
func encodedStatus(s *v1alpha1.OverrideGrantStatus) string {
	text, err := json.Marshal(s)
	if err != nil {
		return err.Error() // no status is equal to it
	}
	return string(text)
}

// done records the result of an answer.
func (g *grants) done(ctx context.Context, d *grant.Decision, err error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if err == nil {
		delete(g.retries, d.Grant.UID)
		return
	}
	if ctx.Err() != nil {
		return
	}
	r := g.retries[d.Grant.UID]
	wait := min(failureBackoff<<min(r.failed, 20), failureBackoffMax)
	g.retries[d.Grant.UID] = retry{failed: r.failed + 1, at: time.Now().Add(wait)}
	g.log.Error("answer a grant", "namespace", d.Grant.Namespace, "name", d.Grant.Name, "error", err, "again", wait.String())
}

func (g *grants) retryAt(uid types.UID) time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.retries[uid].at
}

func (g *grants) firstRetry() time.Time {
	g.mu.Lock()
	defer g.mu.Unlock()
	var out time.Time
	for _, r := range g.retries {
		out = earlier(out, r.at)
	}
	return out
}
