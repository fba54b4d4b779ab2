package install_test

import (
	"os"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/test/install/release"
)

func TestMain(m *testing.M) {
	release.AsHelm()
	os.Exit(m.Run())
}

// release is the installation in the cluster.
func (c *cluster) release() *release.Release {
	return &release.Release{Kubeconfig: c.plane.Kubeconfig, Chart: "../../charts/overrides", Timeout: deadline}
}

// install is helm install overrides.
func (c *cluster) install(t *testing.T, values map[string]any) {
	t.Helper()
	check(t, c.release().Install(t.Context(), values))
}

// upgrade is helm upgrade overrides.
func (c *cluster) upgrade(t *testing.T, values map[string]any) {
	t.Helper()
	check(t, c.release().Upgrade(t.Context(), values))
}

// uninstall is helm uninstall overrides. It returns its duration.
func (c *cluster) uninstall(t *testing.T) time.Duration {
	t.Helper()
	took, err := c.release().Uninstall()
	check(t, err)
	return took
}
