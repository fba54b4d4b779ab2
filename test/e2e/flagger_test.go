package e2e_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const (
	flaggerNamespace = "flagger"
	gatePath         = "/gate"
	eventPath        = "/event"
	canaries         = "flagger.app/v1beta1 canaries"
	deployments      = "apps/v1 deployments"
)

// TestFlagger has Flagger roll out versions of the recipes' Services under load. With
// delegation to its VirtualService, this also works while the operator is killed for a
// minute: traffic follows the weights, and no request fails.
func TestFlagger(t *testing.T) {
	f := openFlagger(t)
	kill := f.operator(t)
	f.awaitDelegation(t, "cart")
	t.Run("rollout", func(t *testing.T) {
		load := f.traffic(t, "cart", "basket")
		for _, name := range []string{"cart", "basket"} {
			f.release(t, deployments, name, "v2")
		}
		f.await(t, "cart", "Succeeded", 0)
		f.await(t, "basket", "Succeeded", 0)
		load.follows(t, "v2")
		load.end(t)
	})
	t.Run("rollout without the operator", func(t *testing.T) {
		load := f.traffic(t, "cart")
		f.release(t, deployments, "cart", "v3")
		f.await(t, "cart", "Progressing", 25)
		kill()
		back := time.NewTimer(away)
		f.await(t, "cart", "Progressing", 75)
		load.settlesAt(t, "v3", 0.75)
		f.await(t, "cart", "Succeeded", 0)
		load.follows(t, "v3")
		<-back.C
		kill = f.operator(t)
		load.follows(t, "v3")
		load.end(t)
	})
	t.Run("rollback without the operator", func(t *testing.T) {
		load := f.traffic(t, "cart")
		f.release(t, deployments, "cart", "v4")
		f.await(t, "cart", "Progressing", 50)
		load.settlesAt(t, "v4", 0.5)
		kill()
		back := time.NewTimer(away)
		f.failing.Store(true)
		f.await(t, "cart", "Failed", 0)
		load.follows(t, "v3")
		<-back.C
		kill = f.operator(t)
		load.follows(t, "v3")
		load.end(t)
	})
	t.Run("hosts and back", func(t *testing.T) { f.switches(t) })
}

// switches makes a Canary take its hosts back, and give them up again, as docs/recipes
// describes.
func (f *flagger) switches(t *testing.T) {
	t.Helper()
	load := f.traffic(t, "cart")
	f.patch(t, canaries, "cart", `{"spec":{"service":{"delegation":false,"apex":{"annotations":{"changed":"1"}}}}}`)
	f.awaitDelegations(t, "cart", 0)
	root, err := f.get(t.Context(), virtualServices, "cart-root")
	if err != nil {
		t.Fatal(err)
	}
	text, err := yaml.Marshal(map[string]any{
		"apiVersion": root.GetAPIVersion(), "kind": root.GetKind(), "spec": root.Object["spec"],
		"metadata": map[string]any{"name": root.GetName(), "namespace": root.GetNamespace()},
	})
	if err := errors.Join(err, f.mesh.Delete(t.Context(), text)); err != nil {
		t.Fatal(err)
	}
	load.share(t, "")
	if err := f.mesh.Apply(t.Context(), text); err != nil {
		t.Fatal(err)
	}
	load.share(t, "")
	f.patch(t, canaries, "cart", `{"spec":{"service":{"delegation":true,"apex":{"annotations":{"changed":"2"}}}}}`)
	f.awaitDelegation(t, "cart")
	load.share(t, "")
	load.end(t)
}

// flagger is a namespace in which Flagger delivers versions.
type flagger struct {
	*delivery
	// failing makes Flagger roll back.
	failing atomic.Bool
}

func openFlagger(t *testing.T) *flagger {
	t.Helper()
	module := program.Flagger()
	programtest.E2E.Need(t, module)
	source, err := program.Source(t.Context(), module, program.FlaggerPath)
	if err != nil {
		t.Fatal(err)
	}
	f := &flagger{delivery: openDelivery(t, flaggerNamespace, module, filepath.Join(source, program.FlaggerCRDs))}
	gate := httptest.NewServer(http.HandlerFunc(f.hook))
	t.Cleanup(gate.Close)
	for _, name := range []string{"flagger-delegating", "flagger-copying"} {
		f.recipe(t, name, func(o *unstructured.Unstructured) {
			if o.GetKind() != "Canary" {
				return
			}
			hooks := []any{
				map[string]any{"name": "gate", "type": "rollback", "url": gate.URL + gatePath},
				map[string]any{"name": "proxies", "type": "event", "url": gate.URL + eventPath},
			}
			if err := unstructured.SetNestedSlice(o.Object, hooks, "spec", "analysis", "webhooks"); err != nil {
				t.Fatal(err)
			}
		})
	}
	f.run(t, f.programs, "-kubeconfig", f.mesh.Kubeconfig, "-namespace", f.namespace, "-log-level", "info", "-metrics-server", gate.URL, "-port", "0")
	for _, name := range []string{"cart", "basket"} {
		f.await(t, name, "Initialized", 0)
	}
	if err := f.mesh.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	return f
}

// hook answers the webhooks of the Canaries. Flagger sets the routes of a rollback and scales
// the canary down in the same instant, and proxies hear of pods before routes: the event
// between the two is answered when the proxies have the routes, as docs/recipes advises.
func (f *flagger) hook(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case gatePath:
		if !f.failing.Load() {
			w.WriteHeader(http.StatusForbidden)
		}
	case eventPath:
		var event struct {
			Metadata struct{ EventMessage string }
		}
		err := json.NewDecoder(r.Body).Decode(&event)
		if err == nil && strings.Contains(event.Metadata.EventMessage, "Scaling down") {
			err = f.mesh.Settle(r.Context())
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		}
	}
}

// await waits until a Canary is in a phase, with a weight.
func (f *flagger) await(t *testing.T, name, phase string, weight int64) {
	t.Helper()
	programtest.Eventually(t, delivered, 100*time.Millisecond, fmt.Sprintf("Canary %s is %s at %d", name, phase, weight), func(ctx context.Context) string {
		c, err := f.get(ctx, canaries, name)
		if err != nil {
			return err.Error()
		}
		is, _, _ := unstructured.NestedString(c.Object, "status", "phase")
		at, _, _ := unstructured.NestedInt64(c.Object, "status", "canaryWeight")
		if is != phase || at != weight {
			return fmt.Sprintf("it is %s at %d", is, at)
		}
		return ""
	})
}

// follows waits until only one version answers ordinary requests.
func (f *traffic) follows(t *testing.T, version string) {
	t.Helper()
	f.settlesAt(t, version, 1)
}

// settlesAt waits until a version answers a fraction of the ordinary requests: the number
// of two hundred differs by at most a fifth.
func (f *traffic) settlesAt(t *testing.T, version string, part float64) {
	t.Helper()
	const tries, tolerance = 8, 0.2
	var seen []float64
	for range tries {
		got := f.share(t, version)
		if got == part || (part < 1 && got > part-tolerance && got < part+tolerance) {
			return
		}
		seen = append(seen, got)
	}
	slices.Reverse(seen)
	t.Errorf("%s answers, of ordinary requests, the last first: %.2f, want %.2f", version, seen, part)
}
