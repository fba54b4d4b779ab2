package e2e_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const (
	argoNamespace = "argo"
	rollouts      = "argoproj.io/v1alpha1 rollouts"
)

// TestArgoRollouts has Argo Rollouts deliver versions of the recipes' Services under
// load: promoted, aborted, and promoted while the operator is killed for a minute. It
// needs a build of eight minutes, so it has a target of its own.
func TestArgoRollouts(t *testing.T) {
	if os.Getenv("OVERRIDES_CONTROLLERS") == "" {
		t.Skip("run make controllers, or set OVERRIDES_CONTROLLERS=1")
	}
	a := openArgo(t)
	kill := a.operator(t)
	for _, name := range []string{"host", "sub"} {
		a.awaitDelegation(t, name)
	}
	canaries := []string{"host", "sub"}
	t.Run("promote", func(t *testing.T) {
		load := a.traffic(t, "host", "sub", "bg")
		for _, name := range canaries {
			a.release(t, rollouts, name, "v2")
			a.await(t, name, "Paused", 1)
		}
		load.settlesAt(t, "v2", 0.25)
		a.release(t, rollouts, "bg", "v2")
		a.await(t, "bg", "Paused", -1)
		a.reaches(t, "bg", "v2")
		for _, name := range append(canaries, "bg") {
			a.promote(t, name)
			a.await(t, name, "Healthy", -1)
		}
		load.follows(t, "v2")
		load.end(t)
	})
	t.Run("abort", func(t *testing.T) {
		load := a.traffic(t, "host", "sub")
		for _, name := range canaries {
			a.release(t, rollouts, name, "v3")
			a.await(t, name, "Paused", 1)
			a.reaches(t, name, "v3")
			a.status(t, name, `{"status":{"abort":true}}`)
			a.await(t, name, "Degraded", -1)
		}
		load.follows(t, "v2")
		load.end(t)
	})
	t.Run("promote without the operator", func(t *testing.T) {
		load := a.traffic(t, "host", "sub")
		for _, name := range canaries {
			a.release(t, rollouts, name, "v4")
			a.await(t, name, "Paused", 1)
		}
		kill()
		back := time.NewTimer(away)
		load.settlesAt(t, "v4", 0.25)
		for _, name := range canaries {
			a.promote(t, name)
			a.await(t, name, "Healthy", -1)
		}
		load.follows(t, "v4")
		<-back.C
		kill = a.operator(t)
		load.follows(t, "v4")
		load.end(t)
	})
}

// argo is a namespace in which Argo Rollouts delivers versions.
type argo struct{ *delivery }

func openArgo(t *testing.T) argo {
	t.Helper()
	module := program.ArgoRollouts()
	programtest.E2E.Need(t, module)
	source, err := program.Source(t.Context(), module, program.ArgoPath)
	if err != nil {
		t.Fatal(err)
	}
	definitions, err := filepath.Glob(filepath.Join(source, program.ArgoCRDs, "*-crd.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	a := argo{openDelivery(t, argoNamespace, module, definitions...)}
	for _, name := range []string{"argo-host", "argo-subset", "argo-bluegreen"} {
		a.recipe(t, name, func(*unstructured.Unstructured) {})
	}
	a.run(t, a.programs, "--kubeconfig", a.mesh.Kubeconfig, "--namespace", a.namespace, "--namespaced", "--leader-elect=false",
		"--metricsPort", "0", "--healthzPort", "0")
	for _, name := range []string{"host", "sub", "bg"} {
		a.await(t, name, "Healthy", -1)
	}
	if err := a.mesh.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	return a
}

// await waits until a Rollout is in a phase, at a step; a negative step matches any.
func (a argo) await(t *testing.T, name, phase string, step int64) {
	t.Helper()
	programtest.Eventually(t, delivered, 100*time.Millisecond, fmt.Sprintf("Rollout %s is %s at step %d", name, phase, step), func(ctx context.Context) string {
		r, err := a.get(ctx, rollouts, name)
		if err != nil {
			return err.Error()
		}
		is, _, _ := unstructured.NestedString(r.Object, "status", "phase")
		at, _, _ := unstructured.NestedInt64(r.Object, "status", "currentStepIndex")
		seen, _, _ := unstructured.NestedString(r.Object, "status", "observedGeneration")
		if is != phase || (step >= 0 && at != step) || seen != fmt.Sprint(r.GetGeneration()) {
			return fmt.Sprintf("it is %s at step %d", is, at)
		}
		return ""
	})
}

// promote ends the pause, as "kubectl argo rollouts promote" does.
func (a argo) promote(t *testing.T, name string) {
	t.Helper()
	a.status(t, name, `{"status":{"pauseConditions":null}}`)
}

func (a argo) status(t *testing.T, name, patch string) {
	t.Helper()
	a.patch(t, rollouts, name+"/status", patch)
}
