package controlplane_test

import (
	"context"
	"fmt"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// shared is one control plane for all tests, which use namespaces of their own; the first
// that needs it starts it.
var shared struct {
	once   sync.Once
	server *controlplane.Plane
	err    error
}

func TestMain(m *testing.M) {
	code := m.Run()
	if shared.server != nil {
		if err := shared.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the control plane:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// controlPlane returns the shared control plane, with Istio's kinds and this project's.
func controlPlane(t *testing.T) *controlplane.Plane {
	t.Helper()
	programtest.Cluster.Need(t, program.Kubernetes())
	shared.once.Do(func() { shared.server, shared.err = startShared(t) })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.server
}

func startShared(t *testing.T) (*controlplane.Plane, error) {
	t.Helper()
	// The control plane must outlive the test that happens to be first, so this is not
	// t.Context().
	ctx := context.Background() //nolint:usetesting // see above
	began := time.Now()
	server, err := controlplane.Start(ctx, controlplane.Options{Log: os.Stderr})
	if err != nil {
		return nil, err
	}
	ready := time.Now()
	istio, err := controlplane.IstioCRDs(ctx)
	if err != nil {
		return server, err
	}
	err = server.InstallCRDs(ctx, istio, "../../config/crd/overrides.mesh_overridepolicies.yaml")
	t.Logf("started in %v, CRDs installed in %v", ready.Sub(began).Round(time.Millisecond), time.Since(ready).Round(time.Millisecond))
	return server, err
}
