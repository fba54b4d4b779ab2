package release

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader"
	"helm.sh/helm/v4/pkg/kube"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/cli-runtime/pkg/genericclioptions"
	"sigs.k8s.io/yaml"
)

const (
	// Name is the name of an ordinary installation.
	Name = "overrides"
	// Namespace is its namespace.
	Namespace = "overrides-system"
)

// AsHelm makes Helm's code write with the field manager of the program helm; by default
// it uses the running program's name. Tests call it first.
func AsHelm() { kube.ManagedFieldsManager = "helm" }

// Release is an installation of the chart.
type Release struct {
	// Kubeconfig identifies the cluster, and Chart is the folder of the chart.
	Kubeconfig, Chart string
	// Timeout is how long Helm waits for its hooks.
	Timeout time.Duration
	// CreateNamespace creates the namespace, or takes it over if it exists: Helm labels
	// it.
	CreateNamespace bool
}

// config returns the configuration of all Helm commands.
func (r *Release) config() (*action.Configuration, error) {
	flags := genericclioptions.NewConfigFlags(false)
	namespace := Namespace
	flags.KubeConfig, flags.Namespace = &r.Kubeconfig, &namespace
	config := action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler))
	if err := config.Init(flags, namespace, "secret"); err != nil {
		return nil, fmt.Errorf("configure Helm: %w", err)
	}
	return config, nil
}

// open returns the configuration, and the chart.
func (r *Release) open() (*action.Configuration, chart.Charter, error) {
	config, err := r.config()
	if err != nil {
		return nil, nil, err
	}
	loaded, err := loader.Load(r.Chart)
	if err != nil {
		return nil, nil, fmt.Errorf("load the chart: %w", err)
	}
	return config, loaded, nil
}

// Install is helm install overrides CHART.
func (r *Release) Install(ctx context.Context, values map[string]any) error {
	config, loaded, err := r.open()
	if err != nil {
		return err
	}
	install := action.NewInstall(config)
	install.ReleaseName, install.Namespace, install.CreateNamespace = Name, Namespace, r.CreateNamespace
	install.WaitStrategy, install.Timeout = kube.HookOnlyStrategy, r.Timeout
	if _, err := install.RunWithContext(ctx, loaded, values); err != nil {
		return fmt.Errorf("helm install: %w", err)
	}
	return nil
}

// Upgrade is helm upgrade overrides CHART.
func (r *Release) Upgrade(ctx context.Context, values map[string]any) error {
	config, loaded, err := r.open()
	if err != nil {
		return err
	}
	upgrade := action.NewUpgrade(config)
	upgrade.Namespace, upgrade.WaitStrategy, upgrade.Timeout = Namespace, kube.HookOnlyStrategy, r.Timeout
	if _, err := upgrade.RunWithContext(ctx, Name, loaded, values); err != nil {
		return fmt.Errorf("helm upgrade: %w", err)
	}
	return nil
}

// Uninstall is helm uninstall overrides. It returns its duration.
func (r *Release) Uninstall() (time.Duration, error) {
	config, err := r.config()
	if err != nil {
		return 0, err
	}
	uninstall := action.NewUninstall(config)
	uninstall.WaitStrategy, uninstall.Timeout = kube.HookOnlyStrategy, r.Timeout
	began := time.Now()
	if _, err := uninstall.Run(Name); err != nil {
		return 0, fmt.Errorf("helm uninstall: %w", err)
	}
	return time.Since(began), nil
}

// Template is helm template overrides CHART --namespace NAMESPACE, without hooks.
func Template(ctx context.Context, folder, namespace string, values map[string]any) (string, error) {
	loaded, err := loader.Load(folder)
	if err != nil {
		return "", fmt.Errorf("load the chart: %w", err)
	}
	install := action.NewInstall(action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler)))
	install.DryRunStrategy = action.DryRunClient
	install.ReleaseName, install.Namespace = Name, namespace
	// Helm's own default is the version of its release build.
	install.KubeVersion = &common.KubeVersion{Version: "v1.37.0", Major: "1", Minor: "37"}
	made, err := install.RunWithContext(ctx, loaded, values)
	if err != nil {
		return "", fmt.Errorf("render the chart: %w", err)
	}
	rendered, ok := made.(*release.Release)
	if !ok {
		return "", fmt.Errorf("render the chart: got a %T", made)
	}
	return rendered.Manifest, nil
}

// Features returns values that turn on everything in the chart that can be turned on.
func Features(folder string) (map[string]any, error) {
	text, err := os.ReadFile(filepath.Join(folder, "values.yaml"))
	if err != nil {
		return nil, err
	}
	var defaults map[string]any
	if err := yaml.Unmarshal(text, &defaults); err != nil {
		return nil, fmt.Errorf("read the values of the chart: %w", err)
	}
	out := map[string]any{}
	for name, value := range defaults {
		if settings, is := value.(map[string]any); is && settings["enabled"] == false {
			out[name] = map[string]any{"enabled": true}
		}
	}
	return out, nil
}
