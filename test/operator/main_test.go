package operator_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"testing"

	"github.com/overrides-mesh/overrides/internal/operator"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

const (
	policyCRD        = "../../config/crd/overrides.mesh_overridepolicies.yaml"
	gatewayPolicyCRD = "../../config/crd/overrides.mesh_gatewayoverridepolicies.yaml"
	grantCRD         = "../../config/crd/overrides.mesh_overridegrants.yaml"
	grantPolicyCRD   = "../../config/crd/overrides.mesh_overridegrantpolicies.yaml"
)

// shared is one control plane for all tests, which use namespaces of their own; the first
// that needs it starts it.
var shared struct {
	once  sync.Once
	plane *controlplane.Plane
	err   error
}

func TestMain(m *testing.M) {
	operator.LogTo(slog.New(slog.DiscardHandler))
	code := m.Run()
	for _, plane := range []*controlplane.Plane{shared.plane, grantPlane.plane} {
		if plane == nil {
			continue
		}
		if err := used.read(plane); err != nil {
			fmt.Fprintln(os.Stderr, "read the audit log:", err)
			code = 1
		}
		if err := plane.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop the control plane:", err)
			code = 1
		}
	}
	if code == 0 && shared.plane != nil && ranAll() {
		for _, fault := range used.faults() {
			fmt.Fprintln(os.Stderr, "the operator's rights:", fault)
			code = 1
		}
	}
	os.Exit(code)
}

// sharedPlane returns the shared control plane, with Istio's kinds and this project's.
func sharedPlane(t *testing.T) *controlplane.Plane {
	t.Helper()
	programtest.Cluster.Need(t, program.Kubernetes())
	shared.once.Do(func() {
		// The control plane must outlive the test that happens to be first, so this is
		// not t.Context().
		ctx := context.Background() //nolint:usetesting // see above
		if shared.plane, shared.err = controlplane.Start(ctx, controlplane.Options{Log: os.Stderr, AuditGroups: audited}); shared.err == nil {
			shared.err = installCRDs(ctx, shared.plane)
		}
	})
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.plane
}

func installCRDs(ctx context.Context, plane *controlplane.Plane) error {
	istio, err := controlplane.IstioCRDs(ctx)
	if err != nil {
		return err
	}
	return plane.InstallCRDs(ctx, istio, policyCRD, gatewayPolicyCRD, grantCRD, grantPolicyCRD)
}

// ownPlane starts a control plane for one test, with only Kubernetes' kinds.
func ownPlane(t *testing.T) *controlplane.Plane {
	t.Helper()
	programtest.Cluster.Need(t, program.Kubernetes())
	plane, err := controlplane.Start(t.Context(), controlplane.Options{AuditGroups: audited})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(used.read(plane), plane.Stop()); err != nil {
			t.Error(err)
		}
	})
	return plane
}
