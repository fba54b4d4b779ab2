package operator

import (
	"context"
	"errors"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/proxysync"
	"github.com/overrides-mesh/overrides/internal/proxysync/istiod"
	"github.com/overrides-mesh/overrides/internal/route"
)

const (
	// roundTimeout bounds one round of questions to all istiods.
	roundTimeout = 3 * time.Second
	// retryFirst is the backoff after an error. It doubles each time up to retryLast, which
	// applies at once if the operator lacks a permission.
	retryFirst = time.Second
	retryLast  = time.Minute
)

// proxySync asks istiod which clusters and routes all proxies have, while a plan waits for
// this. Its results may be lost at any time; plans then wait for a fixed time instead.
type proxySync struct {
	client  *istiod.Client
	store   *store
	log     *slog.Logger
	metrics *proxySyncMetrics
	// changed gets a value when there is something to ask.
	changed chan struct{}

	mu sync.Mutex
	// pending has what the plan of each island waits for.
	pending map[*islandState]pendingSync
	// clusters are the pending clusters of all islands; acked are those that all proxies
	// have.
	clusters []plan.PendingCluster
	acked    map[plan.Cluster]time.Time
	// behind is set if the last round has found a proxy that lacks a cluster and may still
	// get it.
	behind bool
	// rows are the pending rows of all islands; routesAcked are the versions whose routes
	// all proxies have. routesBehind is set while a proxy may still get a row, or no round
	// has asked about it.
	rows         []plan.PendingRow
	routesAcked  map[route.Version]time.Time
	routesBehind bool
	// unavailable is set if the last attempt to ask has failed.
	unavailable bool

	// failed counts consecutive errors; there is no attempt before retry.
	failed int
	retry  time.Time
}

// addProxySync makes r ask istiod for what its plans wait for.
func addProxySync(config *rest.Config, r *reconciler, p parts) error {
	options := r.options.Istiod
	options.Namespace = r.options.Model.RootNamespace
	client, err := istiod.New(config, options)
	if err != nil {
		return err
	}
	r.proxySync = &proxySync{
		client: client, store: r.store, log: p.log, metrics: p.proxySync,
		changed: make(chan struct{}, 1),
	}
	r.proxySync.forget()
	return nil
}

// asksIstiod reports whether to ask istiod. An operator that reads the pods of some
// namespaces only can't tell whether a proxy elsewhere is missing from the answers.
func (o *Options) asksIstiod(log *slog.Logger) bool {
	if o.AskIstiod && len(o.Namespaces) > 0 {
		log.Info("istiod is not asked which configuration proxies have, since pods of other namespaces are not known")
		return false
	}
	return o.AskIstiod
}

// forget drops all results.
func (a *proxySync) forget() {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.pending = map[*islandState]pendingSync{}
	a.clusters, a.acked, a.behind = nil, map[plan.Cluster]time.Time{}, false
	a.rows, a.routesAcked, a.routesBehind = nil, map[route.Version]time.Time{}, false
}

// apply adds the results to the input of a plan. If a proxy lacks something and may be about
// to get it, the propagation delay is extended to longest.
func (a *proxySync) apply(in *plan.Input, longest time.Duration) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	in.Acked, in.RoutesAcked = a.acked, a.routesAcked
	if a.behind {
		in.Options.PropagationDelay = max(in.Options.PropagationDelay, longest)
	}
	if a.routesBehind {
		in.Options.RoutePropagationDelay = longest
	}
}

// update updates what the plans of islands wait for.
func (a *proxySync) update(due, gone []*islandState) {
	if a == nil {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, p := range gone {
		for v := range a.pending[p].acked {
			delete(a.routesAcked, v)
		}
		delete(a.pending, p)
	}
	for _, p := range due {
		a.updateIsland(p)
	}
	before := a.rows
	a.clusters, a.rows = nil, nil
	for _, q := range a.pending {
		a.clusters, a.rows = append(a.clusters, q.clusters...), append(a.rows, q.rows...)
	}
	still := map[plan.Cluster]time.Time{}
	for _, y := range a.clusters {
		if at, ok := a.acked[y.Cluster]; ok && at.Equal(y.Since) {
			still[y.Cluster] = at
		}
	}
	a.acked = still
	// Until a round has asked about a row, a proxy may lack it.
	a.routesBehind = len(a.rows) > 0 && !a.unavailable && (a.routesBehind || hasNewRows(a.rows, before))
	if !anyBlocking(a.clusters) {
		// There are no further rounds, so nothing would reset this.
		a.behind = false
	}
	if !anyBlocking(a.clusters) && len(a.rows) == 0 {
		return
	}
	select {
	case a.changed <- struct{}{}:
	default:
	}
}

// pendingSync is what the plan of an island waits for, and its versions whose routes all
// proxies have.
type pendingSync struct {
	clusters []plan.PendingCluster
	rows     []plan.PendingRow
	acked    map[route.Version]bool
}

// updateIsland updates what the plan of one island waits for. The caller has locked a.mu.
func (a *proxySync) updateIsland(p *islandState) {
	now := pendingSync{clusters: p.planned.PendingClusters, rows: p.planned.PendingRows, acked: map[route.Version]bool{}}
	for v, r := range p.planned.Routed {
		if at, ok := a.routesAcked[v]; ok && at.Equal(r.Since) {
			now.acked[v] = true
		} else {
			delete(a.routesAcked, v)
		}
	}
	for v := range a.pending[p].acked {
		if !now.acked[v] {
			delete(a.routesAcked, v)
		}
	}
	if len(now.clusters)+len(now.rows)+len(now.acked) == 0 {
		delete(a.pending, p)
		return
	}
	a.pending[p] = now
}

// pendingIslands lists the islands whose plans wait for proxies.
func (a *proxySync) pendingIslands() []*islandState {
	if a == nil {
		return nil
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	var out []*islandState
	for p, now := range a.pending {
		if len(now.clusters)+len(now.rows) > 0 {
			out = append(out, p)
		}
	}
	return out
}

// hasNewRows reports whether some of rows are not in before.
func hasNewRows(rows, before []plan.PendingRow) bool {
	return slices.ContainsFunc(rows, func(w plan.PendingRow) bool {
		return !slices.ContainsFunc(before, func(b plan.PendingRow) bool { return b.Version == w.Version && b.Since.Equal(w.Since) })
	})
}

// anyBlocking reports whether a change waits for a cluster that istiod can report on.
func anyBlocking(young []plan.PendingCluster) bool {
	return slices.ContainsFunc(young, func(y plan.PendingCluster) bool { return y.FirstOfName && y.Blocking })
}

// run asks whenever something is pending, until ctx ends.
func (a *proxySync) run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-a.changed:
		}
		if time.Now().Before(a.retry) || !a.hasPending() {
			continue
		}
		if err := a.poll(ctx); err != nil && ctx.Err() == nil {
			a.fail(err)
		}
	}
}

// hasPending reports whether there is something to ask.
func (a *proxySync) hasPending() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return anyBlocking(a.clusters) || len(a.rows) > 0
}

// poll asks round after round until nothing is pending. It begins without a memory of
// earlier rounds, because an istiod may have been restarted since.
func (a *proxySync) poll(ctx context.Context) error {
	openCtx, cancel := context.WithTimeout(ctx, roundTimeout)
	defer cancel()
	session, err := a.client.Open(openCtx)
	if err != nil {
		return err
	}
	defer session.Close()
	var memory proxysync.Memory
	var ask []proxysync.Question
	var rows []plan.PendingRow
	for {
		began := time.Now()
		in := proxysync.Input{Memory: memory, Self: a.client.Self()}
		a.mu.Lock()
		in.PendingClusters, in.PendingRows = a.clusters, a.rows
		a.mu.Unlock()
		if !anyBlocking(in.PendingClusters) && len(in.PendingRows) == 0 {
			return nil
		}
		roundCtx, cancel := context.WithTimeout(ctx, roundTimeout)
		// List pods first: a pod that becomes ready during the round is connected by then.
		in.Pods = a.store.proxies()
		// Refresh for new rows: istiod may have sent their routes before they were pending.
		answer, err := session.Round(roundCtx, &istiod.Query{
			Questions: ask, Routes: proxysync.RouteNames(in.PendingRows), Refresh: hasNewRows(in.PendingRows, rows),
		})
		cancel()
		if err != nil {
			return err
		}
		in.Answers, in.Names, in.Routes = answer.Answers, answer.Names, answer.Routes
		in.Now = time.Now()
		out := proxysync.Evaluate(in)
		memory, ask, rows = out.Memory, out.Ask, in.PendingRows
		a.publish(&in, &out)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(out.Pause(time.Since(began))):
		}
	}
}

// publish makes the results of a round available to the next plan.
func (a *proxySync) publish(in *proxysync.Input, out *proxysync.Output) {
	if a.failed > 0 {
		a.log.Info("istiod reports the configuration of proxies again")
	}
	a.failed, a.retry = 0, time.Time{}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.metrics.roundDone(out)
	routesBehind := out.RoutesBehind || a.routesBehind && hasNewRows(a.rows, in.PendingRows)
	changed := a.behind != out.Behind || a.routesBehind && !routesBehind
	a.behind, a.routesBehind, a.unavailable = out.Behind, routesBehind, false
	// A plan may be reading the old map.
	a.acked = maps.Clone(a.acked)
	for _, y := range in.PendingClusters {
		at, ok := out.Acked[y.Cluster]
		if before, known := a.acked[y.Cluster]; !ok || known && before.Equal(at) {
			continue
		}
		a.acked[y.Cluster], changed = at, true
		a.metrics.propagation.Observe(in.Now.Sub(at).Seconds())
	}
	a.routesAcked = maps.Clone(a.routesAcked)
	for i := range in.PendingRows {
		v := in.PendingRows[i].Version
		at, ok := out.RoutesAcked[v]
		if before, known := a.routesAcked[v]; !ok || known && before.Equal(at) {
			continue
		}
		a.routesAcked[v], changed = at, true
	}
	if changed {
		a.store.wake()
	}
}

// fail records that the results are unknown, and logs the first of consecutive errors.
func (a *proxySync) fail(err error) {
	a.mu.Lock()
	a.behind, a.routesBehind, a.unavailable = false, false, true
	a.mu.Unlock()
	a.metrics.roundFailed()
	if a.failed == 0 {
		a.log.Warn("istiod can't be asked which configuration proxies have, so each write waits for --propagation-delay", "error", err)
	}
	pause := min(retryFirst<<min(a.failed, 10), retryLast)
	if errors.Is(err, istiod.ErrRefused) || errors.Is(err, istiod.ErrNone) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		pause = retryLast
	}
	a.failed++
	a.retry = time.Now().Add(pause)
}

// injected is the annotation of pods with an injected Istio proxy.
const injected = "sidecar.istio.io/status"

// hasProxy reports whether a pod is ready, not terminating, and has an Istio proxy. A pod
// that is not ready yet gets the whole configuration when it connects; the proxy of a
// terminating pod may have ended.
func hasProxy(pod *corev1.Pod) bool {
	_, ok := pod.Annotations[injected]
	return ok && pod.DeletionTimestamp == nil && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// proxies names the pods that have a proxy, in istiod's format.
func (s *store) proxies() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []string
	for name, x := range s.items {
		if x.proxied {
			out = append(out, name.Name+"."+name.Namespace)
		}
	}
	return out
}
