package traffic_test

import (
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/demo/judge"
	"github.com/overrides-mesh/overrides/internal/demo/traffic"
	"github.com/overrides-mesh/overrides/internal/envoy"
	"github.com/overrides-mesh/overrides/internal/model"
)

// newJudge expects the pod "right" to answer.
func newJudge() *judge.Judge {
	snapshot := &model.Snapshot{Options: model.DefaultOptions(), Services: []model.Service{{
		Namespace: "shop", Name: "127", Selector: map[string]string{"app": "right"},
		Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}},
	}}}
	mesh, _ := envoy.NewMesh(snapshot, &compile.Result{}, nil)
	j := judge.New()
	j.Change(judge.Expect(snapshot, mesh, []judge.Pod{{Name: "right", Namespace: "shop", Labels: map[string]string{"app": "right"}}}))
	j.Settle()
	return j
}

// run loads a server until it has had some requests of both kinds.
func run(t *testing.T, h http.Handler, overrides ...string) (traffic.Counts, []string) {
	t.Helper()
	var requests atomic.Int64
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		requests.Add(1)
		h.ServeHTTP(w, r)
	}))
	defer server.Close()
	// Any name leads to the server, as with the Envoy of a client.
	client := &http.Client{Transport: &http.Transport{DialContext: dialer(server)}}
	sent := traffic.Start(t.Context(), traffic.Options{Client: client, Judge: newJudge(), Header: "x-override", Rate: 1000},
		traffic.Target{URL: "http://127.shop/", Overrides: overrides})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for requests.Load() < 20 && ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-time.After(time.Millisecond):
		}
	}
	sent.Stop()
	counts, faults := sent.Counts()
	if counted := counts.Ordinary + counts.Override; int64(counted) != requests.Load() {
		t.Errorf("%d requests were counted, and %d sent", counted, requests.Load())
	}
	return counts, faults
}

func TestTraffic(t *testing.T) {
	t.Parallel()
	right := chain.New(chain.Options{Service: "127", Pod: "right"})
	wrong := chain.New(chain.Options{Service: "127", Pod: "wrong"})
	t.Run("all is well", func(t *testing.T) {
		t.Parallel()
		counts, faults := run(t, right, "a:v2", "b:v2")
		if counts.Ordinary == 0 || counts.Override == 0 || counts.Wrong() != 0 || len(faults) != 0 {
			t.Errorf("%s %v", counts, faults)
		}
	})
	t.Run("ordinary requests alone", func(t *testing.T) {
		t.Parallel()
		if counts, _ := run(t, right); counts.Ordinary == 0 || counts.Override != 0 {
			t.Error(counts)
		}
	})
	t.Run("overrides go wrong", func(t *testing.T) {
		t.Parallel()
		counts, faults := run(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if r.Header.Get("x-override") == "a:v2" {
				wrong.ServeHTTP(w, r)
				return
			}
			right.ServeHTTP(w, r)
		}), "a:v2")
		if counts.Misrouted != counts.Override || counts.Failed != 0 || len(faults) == 0 || len(faults) > 10 || !strings.Contains(faults[0], `x-override "a:v2"`) {
			t.Errorf("%s %q", counts, faults)
		}
	})
	t.Run("everything fails", func(t *testing.T) {
		t.Parallel()
		counts, faults := run(t, http.NotFoundHandler(), "a:v2")
		if counts.Failed != counts.Override+counts.Ordinary || !strings.Contains(faults[0], "status 404") {
			t.Errorf("%s %q", counts, faults)
		}
	})
	t.Run("a service behind it fails", func(t *testing.T) {
		t.Parallel()
		counts, faults := run(t, chain.New(chain.Options{Service: "127", Pod: "right", Next: []string{"http://127.0.0.1:0/"}}), "a:v2")
		if counts.Failed != counts.Override+counts.Ordinary || !strings.Contains(faults[0], "status 502: 127 → 127.0.0.1!502") {
			t.Errorf("%s %q", counts, faults)
		}
	})
}

func dialer(server *httptest.Server) func(ctx context.Context, network, _ string) (net.Conn, error) {
	return func(ctx context.Context, network, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, network, server.Listener.Addr().String())
	}
}
