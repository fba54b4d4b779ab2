package install_test

import (
	"log/slog"
	"os"
	"testing"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/kube"
	"k8s.io/cli-runtime/pkg/genericclioptions"
)

// TestMain has Helm write as the program helm would; its library takes the name of
// whatever program it is in.
func TestMain(m *testing.M) {
	kube.ManagedFieldsManager = "helm"
	os.Exit(m.Run())
}

// helm returns what all commands of Helm work with, for the cluster.
func (c *cluster) helm(t *testing.T) *action.Configuration {
	t.Helper()
	flags := genericclioptions.NewConfigFlags(false)
	namespace := system
	flags.KubeConfig, flags.Namespace = &c.plane.Kubeconfig, &namespace
	config := action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler))
	check(t, config.Init(flags, system, "secret"))
	return config
}

func loadChart(t *testing.T) chart.Charter {
	t.Helper()
	loaded, err := loader.Load("../../charts/overrides")
	check(t, err)
	return loaded
}

// install is helm install overrides.
func (c *cluster) install(t *testing.T, values map[string]any) {
	t.Helper()
	install := action.NewInstall(c.helm(t))
	install.ReleaseName, install.Namespace = release, system
	install.WaitStrategy, install.Timeout = kube.HookOnlyStrategy, deadline
	_, err := install.RunWithContext(t.Context(), loadChart(t), values)
	check(t, err)
}

// upgrade is helm upgrade overrides.
func (c *cluster) upgrade(t *testing.T, values map[string]any) {
	t.Helper()
	upgrade := action.NewUpgrade(c.helm(t))
	upgrade.Namespace, upgrade.WaitStrategy, upgrade.Timeout = system, kube.HookOnlyStrategy, deadline
	_, err := upgrade.RunWithContext(t.Context(), release, loadChart(t), values)
	check(t, err)
}

// uninstall is helm uninstall overrides. It returns how long that took.
func (c *cluster) uninstall(t *testing.T) time.Duration {
	t.Helper()
	uninstall := action.NewUninstall(c.helm(t))
	uninstall.WaitStrategy, uninstall.Timeout = kube.HookOnlyStrategy, deadline
	began := time.Now()
	_, err := uninstall.Run(release)
	check(t, err)
	return time.Since(began)
}
