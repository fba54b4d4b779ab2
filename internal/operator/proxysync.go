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
	// roundTimeout is how long they may take to answer.
	roundTimeout = 3 * time.Second
	// retryFirst is when istiod is asked again after that went wrong, doubled each time
	// up to retryLast, which holds at once where we are not allowed to.
	retryFirst = time.Second
	retryLast  = time.Minute
)

// asker finds out from istiod which clusters and routes all proxies have, while
// something waits for it. What it finds out may be lost at any time: then time alone decides.
type proxySync struct {
	client  *istiod.Client
	store   *store
	log     *slog.Logger
	metrics *proxySyncMetrics
	// changed gets a value when there is something new to ask for.
	changed chan struct{}

	mu sync.Mutex
	// asking has what each island waits for.
	pending map[*islandState]pendingSync
	// young are the clusters in question; settled those of them that all proxies were
	// found to have.
	clusters []plan.PendingCluster
	acked    map[plan.Cluster]time.Time
	// behind is set where the last round has found a proxy that may yet get one.
	behind bool
	// rows are the override rows in question; routesSettled the versions to which all
	// proxies were found to have the routes. routesBehind is set where a proxy may yet get
	// one, or nobody has looked yet.
	rows         []plan.PendingRow
	routesAcked  map[route.Version]time.Time
	routesBehind bool
	// down is set where nobody could be asked the last time.
	unavailable bool

	// failed counts what went wrong in a row; nothing is asked until retry.
	failed int
	retry  time.Time
}

// addAsker has istiod asked for what r's plans wait for.
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

// asksIstiod reports whether istiod is to be asked. Who sees the pods of some
// namespaces only can't know whether a proxy elsewhere is missing.
func (o *Options) asksIstiod(log *slog.Logger) bool {
	if o.AskIstiod && len(o.Namespaces) > 0 {
		log.Info("istiod is not asked what proxies have, since pods of other namespaces are not known")
		return false
	}
	return o.AskIstiod
}

// forget forgets what was found out.
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

// apply gives a plan what is known. Where a proxy is known to lack what is waited
// for and may be about to get it, the wait is longer, up to longest.
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

// note takes from the plans of islands what they wait for.
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
	// Until rows have been asked about, nobody knows that all proxies have them.
	a.routesBehind = len(a.rows) > 0 && !a.unavailable && (a.routesBehind || hasNewRows(a.rows, before))
	if !anyBlocking(a.clusters) {
		// Nobody asks any more, so nobody would notice when this is no longer so.
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

// question is what the plan of an island waits for, and the versions of it whose routes all
// proxies were found to have.
type pendingSync struct {
	clusters []plan.PendingCluster
	rows     []plan.PendingRow
	acked    map[route.Version]bool
}

// notePlan takes from the plan of one island which clusters and rows are in question. The
// caller has locked a.
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

// waitsFor reports whether the plan of an island waits for proxies.
func (a *proxySync) isPending(p *islandState) bool {
	return a != nil && len(p.planned.PendingClusters)+len(p.planned.PendingRows) > 0
}

// hasOthers reports whether there are rows that were not among those of before.
func hasNewRows(rows, before []plan.PendingRow) bool {
	return slices.ContainsFunc(rows, func(w plan.PendingRow) bool {
		return !slices.ContainsFunc(before, func(b plan.PendingRow) bool { return b.Version == w.Version && b.Since.Equal(w.Since) })
	})
}

// waits reports whether something waits for what istiod could tell.
func anyBlocking(young []plan.PendingCluster) bool {
	return slices.ContainsFunc(young, func(y plan.PendingCluster) bool { return y.FirstOfName && y.Blocking })
}

// run asks whenever something waits, until ctx ends.
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

// waiting reports whether something waits.
func (a *proxySync) hasPending() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return anyBlocking(a.clusters) || len(a.rows) > 0
}

// converse asks round after round until nothing waits any more. Each time begins
// with no memory: an istiod may have been started anew meanwhile.
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
		// Pods first: one that becomes ready during the round has connected before.
		in.Pods = a.store.proxies()
		// Of a new row, what istiod sent last may tell, which was before it was in question.
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

// publish lets the next plan know what a round has found.
func (a *proxySync) publish(in *proxysync.Input, out *proxysync.Output) {
	if a.failed > 0 {
		a.log.Info("istiod tells again what proxies have")
	}
	a.failed, a.retry = 0, time.Time{}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.metrics.roundDone(out)
	routesBehind := out.RoutesBehind || a.routesBehind && hasNewRows(a.rows, in.PendingRows)
	changed := a.behind != out.Behind || a.routesBehind && !routesBehind
	a.behind, a.routesBehind, a.unavailable = out.Behind, routesBehind, false
	// A plan may be reading what it was given.
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

// fail notes that nothing is known, and says so once.
func (a *proxySync) fail(err error) {
	a.mu.Lock()
	a.behind, a.routesBehind, a.unavailable = false, false, true
	a.mu.Unlock()
	a.metrics.roundFailed()
	if a.failed == 0 {
		a.log.Warn("istiod can't be asked what proxies have, so all are given --propagation-delay to have what was written", "error", err)
	}
	pause := min(retryFirst<<min(a.failed, 10), retryLast)
	if errors.Is(err, istiod.ErrRefused) || errors.Is(err, istiod.ErrNone) || apierrors.IsForbidden(err) || apierrors.IsNotFound(err) {
		pause = retryLast
	}
	a.failed++
	a.retry = time.Now().Add(pause)
}

// injected is the annotation of pods that Istio put a proxy into.
const injected = "sidecar.istio.io/status"

// hasProxy reports whether a pod is ready, is not ending, and Istio put a proxy into
// it. One that is not ready yet gets all there is when it connects; one that is
// ending may have no proxy any more.
func hasProxy(pod *corev1.Pod) bool {
	_, ok := pod.Annotations[injected]
	return ok && pod.DeletionTimestamp == nil && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// proxies names the pods that have a proxy, as istiod names them.
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
