package e2e_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/trail"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// load sends requests with a mark each, as many ordinary ones beside them, and compares the records of
// each with the path that the answer tells.
func (c *trailMesh) load(t *testing.T) {
	t.Helper()
	overrides := []string{"web:v2", "cart:v2", "web:v2, cart:v2", "*:v1"}
	paths := make([]string, markedRequests)
	var failed, changed atomic.Int64
	begun := time.Now()
	parallel(2*markedRequests, func(i int) {
		header := http.Header{}
		if i%2 == 0 {
			header.Set("X-Override", fmt.Sprintf("%s, overrides-trace:load%d", overrides[i/2%len(overrides)], i/2))
		}
		answer, failure := c.send(t.Context(), header, "/load")
		path := strings.Join(answer.Path(), " ")
		switch {
		case failure != "":
			failed.Add(1)
		case i%2 == 0:
			paths[i/2] = path
		case path != "web:v1 cart:v1":
			changed.Add(1)
		}
	})
	t.Logf("%d requests with a mark and %d ordinary ones in %v", markedRequests, markedRequests, time.Since(begun).Round(time.Second))
	if failed.Load()+changed.Load() > 0 {
		t.Fatalf("%d requests failed, %d ordinary ones changed", failed.Load(), changed.Load())
	}
	since := "since=" + begun.UTC().Format(time.RFC3339Nano)
	byMark := map[string][]trail.Record{}
	for _, r := range c.records(t, since, 4*markedRequests) {
		byMark[r.Mark] = append(byMark[r.Mark], r)
	}
	wrong := 0
	for i, path := range paths {
		records := byMark[fmt.Sprintf("load%d", i)]
		var served []string
		for _, h := range hopsOf(records) {
			if h.side == "inbound" {
				served = append(served, h.pod+":"+h.version)
			}
		}
		slices.Reverse(served) // cart before web
		if got := strings.Join(served, " "); len(records) != 4 || got != path {
			if wrong++; wrong < 10 {
				t.Errorf("request %d took %s, its %d records say %s", i, path, len(records), got)
			}
			continue
		}
		checkCalls(t, records)
	}
	if wrong > 0 {
		t.Errorf("%d of %d requests have wrong records", wrong, markedRequests)
	}
}

// steady sends requests until stop, and returns how many there were and which failed.
func (c *trailMesh) steady(t *testing.T) (stop func() (sent int, failures []string)) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	var mu sync.Mutex
	var all sync.WaitGroup
	var sent int
	var failures []string
	for worker := range 4 {
		all.Go(func() {
			for i := 0; ctx.Err() == nil; i++ {
				header := http.Header{}
				want := "web:v1 cart:v1"
				if worker%2 == 0 {
					header.Set("X-Override", "web:v2, overrides-trace:steady")
					want = "web:v2 cart:v1"
				}
				answer, failure := c.send(t.Context(), header, "/steady")
				if got := strings.Join(answer.Path(), " "); failure == "" && got != want {
					failure = got
				}
				mu.Lock()
				if sent++; failure != "" {
					failures = append(failures, failure)
				}
				mu.Unlock()
			}
		})
	}
	return func() (int, []string) {
		cancel()
		all.Wait()
		return sent, failures
	}
}

// restart kills the collector under load: no request fails, and there are records again.
func (c *trailMesh) restart(t *testing.T) {
	t.Helper()
	stop := c.steady(t)
	none := int64(0)
	pod, err := c.mesh.Pod(t.Context(), trailCollector, "app=trail")
	if err != nil {
		t.Fatal(err)
	}
	if err := c.mesh.Kubernetes().CoreV1().Pods(trailCollector).Delete(t.Context(), pod.Name, metav1.DeleteOptions{GracePeriodSeconds: &none}); err != nil {
		t.Fatal(err)
	}
	c.scale(t, 1)
	begun := time.Now()
	c.awaitReports(t)
	t.Logf("records again %v after the collector is ready", time.Since(begun).Round(100*time.Millisecond))
	c.judge(t, "while the collector was killed and started again", stop)
}

// missing: without a collector, and with one whose address nobody answers, no request fails. With
// one again, there are records again.
func (c *trailMesh) missing(t *testing.T) {
	t.Helper()
	stop := c.steady(t)
	c.scale(t, 0)
	<-time.After(5 * time.Second)
	c.judge(t, "while there was no collector", stop)
	// A change of the filter drains connections, so the load begins after it.
	c.report(t, "10.254.254.254:9911")
	stop = c.steady(t)
	<-time.After(10 * time.Second)
	c.judge(t, "while nobody answered", stop)
	c.report(t, "missing."+trailCollector+".svc.cluster.local:9911")
	stop = c.steady(t)
	<-time.After(10 * time.Second)
	c.judge(t, "while the collector had no name in DNS", stop)
	c.scale(t, 1)
	c.report(t, "trail."+trailCollector+".svc.cluster.local:9911")
	c.awaitReports(t)
}

func (c *trailMesh) judge(t *testing.T, when string, stop func() (int, []string)) {
	t.Helper()
	sent, failures := stop()
	t.Logf("%s: %d of %d requests failed", when, len(failures), sent)
	if len(failures) > 0 || sent == 0 {
		t.Errorf("%s: %d of %d requests failed: %.5q", when, len(failures), sent, failures)
	}
}

// scale changes how many replicas the collector has, and waits for them.
func (c *trailMesh) scale(t *testing.T, replicas int) {
	t.Helper()
	patch := fmt.Appendf(nil, `{"spec":{"replicas":%d}}`, replicas)
	if _, err := c.mesh.Kubernetes().AppsV1().Deployments(trailCollector).Patch(t.Context(), "trail", types.MergePatchType, patch, metav1.PatchOptions{}); err != nil {
		t.Fatal(err)
	}
	programtest.Eventually(t, time.Minute, 100*time.Millisecond, "the replicas of the collector", func(ctx context.Context) string {
		pods, err := c.mesh.Pods(ctx, trailCollector, "app=trail")
		if err != nil || len(pods) != replicas {
			return fmt.Sprintf("%d pods, %v", len(pods), err)
		}
		return ""
	})
	if err := c.mesh.WaitReady(t.Context(), trailCollector); err != nil {
		t.Fatal(err)
	}
}
