package operator

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
	"github.com/overrides-mesh/overrides/internal/proxysync"
	"github.com/overrides-mesh/overrides/internal/proxysync/istiod"
	"github.com/overrides-mesh/overrides/internal/route"
)

var (
	subset   = plan.Cluster{Host: "cart.shop.svc.cluster.local", Subset: "override-v2"}
	placedAt = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
)

func awaited(since time.Time) *plan.Output {
	return &plan.Output{PendingClusters: []plan.PendingCluster{{Cluster: subset, Since: since, FirstOfName: true, Blocking: true}}}
}

func newTestProxySync(log *slog.Logger) *proxySync {
	a := &proxySync{store: newStore(&Options{}), log: log, metrics: newProxySyncMetrics(), changed: make(chan struct{}, 1)}
	a.forget()
	return a
}

// updateOne updates a with the plan of one island.
func updateOne(a *proxySync, out *plan.Output) {
	p := &islandState{}
	for known := range a.pending {
		p = known // there is one island
	}
	p.planned = *out
	a.update([]*islandState{p}, nil)
}

// TestProxySyncNotAllowed: an operator that may not ask istiod logs this once, however often
// a plan waits, and plans without results.
func TestProxySyncNotAllowed(t *testing.T) {
	t.Parallel()
	var requests atomic.Int64
	asked := make(chan struct{}, 1)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		requests.Add(1)
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(http.StatusForbidden)
		_, _ = w.Write([]byte(`{"kind":"Status","apiVersion":"v1","status":"Failure","reason":"Forbidden","code":403,"message":"no token for you"}`))
		asked <- struct{}{}
	}))
	defer server.Close()
	var log bytes.Buffer
	a := newTestProxySync(slog.New(slog.NewTextHandler(&log, nil)))
	var err error
	if a.client, err = istiod.New(&rest.Config{Host: server.URL}, istiod.Options{Namespace: "istio-system", ServiceAccount: "reader"}); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); a.run(ctx) }()
	updateOne(a, awaited(placedAt))
	<-asked
	for range 10 {
		updateOne(a, awaited(placedAt))
	}
	// The update has been read when the channel is empty again.
	tick, deadline := time.NewTicker(time.Millisecond), time.After(10*time.Second)
	defer tick.Stop()
	for len(a.changed) > 0 {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatal("the update is not read")
		}
	}
	cancel()
	<-ended
	in := plan.Input{Options: plan.DefaultOptions()}
	a.apply(&in, time.Hour)
	if len(in.Acked) > 0 || in.Options != plan.DefaultOptions() {
		t.Errorf("the plan got %v and waits %v", in.Acked, in.Options.PropagationDelay)
	}
	if n := requests.Load(); n != 1 {
		t.Errorf("%d requests", n)
	}
	if text := log.String(); strings.Count(text, "\n") != 1 || !strings.Contains(text, "no token for you") {
		t.Errorf("logged:\n%s", text)
	}
}

// TestProxySyncAcked: the next plan gets the results of a round for the same clusters, and a
// proxy that is behind extends the wait while something waits.
func TestProxySyncAcked(t *testing.T) {
	t.Parallel()
	a := newTestProxySync(slog.New(slog.DiscardHandler))
	told := func() (map[plan.Cluster]time.Time, time.Duration) {
		in := plan.Input{Options: plan.Options{PropagationDelay: time.Second}}
		a.apply(&in, 5*time.Second)
		return in.Acked, in.Options.PropagationDelay
	}
	want := func(what string, settled map[plan.Cluster]time.Time, wait time.Duration) {
		t.Helper()
		got, waits := told()
		if diff := cmp.Diff(settled, got); diff != "" || waits != wait {
			t.Errorf("%s: wait %v, want %v; settled (-want +got):\n%s", what, waits, wait, diff)
		}
	}
	none, all := map[plan.Cluster]time.Time{}, map[plan.Cluster]time.Time{subset: placedAt}
	out := awaited(placedAt)
	updateOne(a, out)
	want("before", none, time.Second)
	in := &proxysync.Input{PendingClusters: out.PendingClusters, Now: placedAt.Add(time.Second)}
	a.publish(in, &proxysync.Output{Behind: true})
	want("one is behind", none, 5*time.Second)
	a.publish(in, &proxysync.Output{Acked: all})
	want("all have it", all, time.Second)
	a.publish(in, &proxysync.Output{})
	want("nothing is known of it in the next round", all, time.Second)
	updateOne(a, awaited(placedAt.Add(time.Minute)))
	want("it was placed anew", none, time.Second)
	a.publish(in, &proxysync.Output{Behind: true})
	updateOne(a, &plan.Output{})
	want("nothing waits any more", none, time.Second)
	if (*proxySync)(nil).apply(&plan.Input{}, 0); len(a.store.changed) != 1 {
		t.Error("no cycle was requested")
	}
}

// TestProxies: the expected proxies are those of ready pods that are not terminating.
func TestProxies(t *testing.T) {
	t.Parallel()
	s := newStore(&Options{})
	add := func(name string, change func(*corev1.Pod)) {
		pod := &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Annotations: map[string]string{injected: `{"initContainers":["istio-init"]}`, "other": "x"}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning, Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}},
		}
		change(pod)
		s.put(diag.Object{Kind: "Pod", Namespace: "shop", Name: name}, trim(pod))
	}
	add("there", func(*corev1.Pod) {})
	add("without", func(p *corev1.Pod) { p.Annotations = nil })
	add("starting", func(p *corev1.Pod) { p.Status.Conditions[0].Status = corev1.ConditionFalse })
	add("ending", func(p *corev1.Pod) { p.DeletionTimestamp = &metav1.Time{Time: placedAt} })
	if diff := cmp.Diff([]string{"there.shop"}, s.proxies()); diff != "" {
		t.Errorf("proxies (-want +got):\n%s", diff)
	}
}

// TestProxySyncRoutesAcked: a pending row extends the wait for routes until a round finds no
// proxy without it. If all proxies have the row, the plan is told so, as long as it is the
// same row. Without results, time decides.
func TestProxySyncRoutesAcked(t *testing.T) {
	t.Parallel()
	a := newTestProxySync(slog.New(slog.DiscardHandler))
	version := route.Version{Namespace: "shop", Service: "cart", Version: "v2"}
	waiting := func(since time.Time) *plan.Output {
		return &plan.Output{
			PendingRows: []plan.PendingRow{{Version: version, Since: since}}, Routed: map[route.Version]plan.Routed{version: {Since: since}},
		}
	}
	want := func(what string, settled map[route.Version]time.Time, wait time.Duration) {
		t.Helper()
		in := plan.Input{}
		a.apply(&in, 5*time.Second)
		if diff := cmp.Diff(settled, in.RoutesAcked); diff != "" || in.Options.RoutePropagationDelay != wait || in.Options.PropagationDelay != 0 {
			t.Errorf("%s: waits %v, want %v; settled (-want +got):\n%s", what, in.Options, wait, diff)
		}
	}
	none, all := map[route.Version]time.Time{}, map[route.Version]time.Time{version: placedAt}
	want("before", none, 0)
	updateOne(a, waiting(placedAt))
	want("nobody has looked", none, 5*time.Second)
	in := &proxysync.Input{PendingRows: waiting(placedAt).PendingRows, Now: placedAt.Add(time.Second)}
	a.publish(in, &proxysync.Output{RoutesBehind: true})
	want("one is behind", none, 5*time.Second)
	a.publish(&proxysync.Input{Now: placedAt}, &proxysync.Output{})
	want("a round about nothing tells nothing", none, 5*time.Second)
	a.publish(in, &proxysync.Output{})
	want("nothing is known", none, 0)
	a.publish(in, &proxysync.Output{RoutesAcked: all})
	want("all have it", all, 0)
	out := waiting(placedAt)
	out.PendingRows = nil
	updateOne(a, out)
	want("and nothing waits any more", all, 0)
	updateOne(a, waiting(placedAt.Add(time.Minute)))
	want("it was put in place anew", none, 5*time.Second)
	a.fail(istiod.ErrNone)
	want("nobody can be asked", none, 0)
	updateOne(a, waiting(placedAt.Add(2*time.Minute)))
	want("the last time either", none, 0)
}
