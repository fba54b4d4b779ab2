package controlplane

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/localmesh/program"
)

const (
	// IstioNamespace has istiod's configuration, and is Istio's root namespace.
	IstioNamespace = "istio-system"
	// XDSPort is istiod's port for proxies, in plain text.
	XDSPort = 15010
	// IstiodHTTPPort serves istiod's readiness and debug pages.
	IstiodHTTPPort = 8080

	webhookPort = 15017
	// portsApart is the difference between the ports of one istiod and those of the one
	// before it.
	portsApart = 100
)

// IstiodOptions are settings of Istio.
type IstiodOptions struct {
	// Address is the IP address at which proxies reach it.
	Address string
	// MeshConfig are Istio's MeshConfig fields, which override the defaults used here.
	MeshConfig map[string]any
	// Revision is the revision of an istiod besides the first, which is called "default"
	// and must already run; empty for the first.
	Revision string
	// Nth is 0 for the first istiod, whose ports are Istio's own, and numbers the others.
	Nth int
}

// port returns the address that corresponds to a port of the first istiod.
func (o IstiodOptions) port(first int) string { return fmt.Sprint(first + portsApart*o.Nth) }

// XDS is its address for proxies, in plain text.
func (o IstiodOptions) XDS() string { return net.JoinHostPort(o.Address, o.port(XDSPort)) }

// program is its name for [Plane.Restart].
func (o IstiodOptions) program() string {
	if o.Revision == "" {
		return "pilot-discovery"
	}
	return "pilot-discovery-" + o.Revision
}

// StartIstiod installs Istio as "istioctl install --set profile=minimal" does, except for
// the Deployment: istiod runs as a process.
func (p *Plane) StartIstiod(ctx context.Context, options IstiodOptions) error {
	paths, err := program.Build(ctx, program.Istio(), p.log)
	if err != nil {
		return err
	}
	objects, err := istioObjects(ctx, paths["istioctl"], options.Revision)
	if err != nil {
		return err
	}
	for _, object := range objects {
		if err := adaptIstio(object, options); err != nil {
			return err
		}
	}
	if err := p.Apply(ctx, objects...); err != nil {
		return fmt.Errorf("install Istio: %w", err)
	}
	return p.runIstiod(ctx, paths["pilot-discovery"], options)
}

func (p *Plane) runIstiod(ctx context.Context, path string, options IstiodOptions) error {
	// istiod writes ./var/run/secrets and logs in as its own service account, so that the
	// permissions of Istio's chart apply to it as in a cluster.
	dir := filepath.Join(p.Dir, strings.Replace(options.program(), "pilot-discovery", "istiod", 1))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	kubeconfig := filepath.Join(dir, "kubeconfig")
	if _, err := p.writeKubeconfig(kubeconfig, "system:serviceaccount:"+IstioNamespace+":istiod",
		"system:serviceaccounts", "system:serviceaccounts:"+IstioNamespace); err != nil {
		return err
	}
	on := func(port int) string { return net.JoinHostPort(options.Address, options.port(port)) }
	// Its debug pages are only for callers on loopback.
	inside := func(port int) string { return net.JoinHostPort(loopback, options.port(port)) }
	return p.start(ctx, command{
		path: path, as: options.program(), dir: dir,
		ready: getReady(&http.Transport{DisableKeepAlives: true}, "http://"+inside(IstiodHTTPPort)+"/ready"),
		args: []string{
			"discovery", "--kubeconfig=" + kubeconfig, "--domain=cluster.local",
			"--httpAddr=" + inside(IstiodHTTPPort), "--grpcAddr=" + on(XDSPort), "--secureGRPCAddr=" + on(15012),
			"--httpsAddr=" + inside(webhookPort), "--monitoringAddr=" + on(15014),
			"--ctrlz_address=" + loopback, "--ctrlz_port=" + options.port(9876), "--log_output_level=default:info",
		},
		env: []string{
			"POD_NAME=istiod-0", "POD_NAMESPACE=" + IstioNamespace, "SERVICE_ACCOUNT=istiod", "REVISION=" + cmp.Or(options.Revision, "default"), "CLUSTER_ID=Kubernetes",
			"PILOT_CERT_PROVIDER=istiod", "ISTIOD_CUSTOM_HOST=localhost",
			// Features that a stock Envoy does not know.
			"PILOT_ENABLE_METADATA_EXCHANGE=false", "PILOT_ENABLE_ALPN_FILTER=false",
			"HTTP_PROXY=", "HTTPS_PROXY=", "http_proxy=", "https_proxy=",
		},
	})
}

// istioObjects returns the objects that istioctl would install; for a revision, only
// those that the first istiod has not installed already.
func istioObjects(ctx context.Context, istioctl, revision string) ([]*unstructured.Unstructured, error) {
	args := []string{
		"manifest", "generate", "--set", "profile=minimal",
		// Nothing here answers probes instead of the proxy.
		"--set", "values.sidecarInjectorWebhook.rewriteAppHTTPProbe=false",
	}
	if revision == "" {
		args = append(args, "--set", "values.defaultRevision=default")
	} else {
		args = append(args, "--revision", revision)
	}
	cmd := exec.CommandContext(ctx, istioctl, args...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	output, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("istioctl manifest generate: %w: %s", err, stderr.Bytes())
	}
	all, err := Decode(output)
	if err != nil {
		return nil, fmt.Errorf("istioctl manifest generate: %w", err)
	}
	objects := []*unstructured.Unstructured{{Object: map[string]any{
		"apiVersion": "v1", "kind": "Namespace", "metadata": map[string]any{"name": IstioNamespace},
	}}}
	for _, object := range all {
		switch object.GetKind() {
		case "Deployment", "HorizontalPodAutoscaler", "PodDisruptionBudget", "Namespace":
			// istiod is a process here.
		case "CustomResourceDefinition":
			if revision == "" {
				objects = append(objects, object)
			}
		default:
			objects = append(objects, object)
		}
	}
	return objects, nil
}

// adaptIstio points webhooks at the process and sets MeshConfig.
func adaptIstio(object *unstructured.Unstructured, options IstiodOptions) error {
	switch object.GetKind() {
	case "ValidatingWebhookConfiguration", "MutatingWebhookConfiguration":
		return pointWebhooks(object, options.port(webhookPort))
	case "ConfigMap":
		if object.GetName() != configMap(options.Revision) {
			return nil
		}
		config := map[string]any{
			// Stock Envoys have no istio.stats filter, so they would reject listeners
			// with it.
			"defaultProviders": map[string]any{}, "enableAutoMtls": false, "rootNamespace": IstioNamespace, "trustDomain": "cluster.local",
		}
		maps.Copy(config, options.MeshConfig)
		text, err := yaml.Marshal(config)
		if err != nil {
			return fmt.Errorf("encode MeshConfig: %w", err)
		}
		return unstructured.SetNestedField(object.Object, string(text), "data", "mesh")
	}
	return nil
}

// configMap is the name of the ConfigMap with the MeshConfig of a revision.
func configMap(revision string) string {
	if revision == "" {
		return "istio"
	}
	return "istio-" + revision
}

// pointWebhooks makes the API server call them by URL, since the process has no Service.
func pointWebhooks(object *unstructured.Unstructured, port string) error {
	webhooks, _, err := unstructured.NestedSlice(object.Object, "webhooks")
	if err != nil {
		return fmt.Errorf("read webhooks of %s: %w", object.GetName(), err)
	}
	for _, webhook := range webhooks {
		config, ok := webhook.(map[string]any)["clientConfig"].(map[string]any)
		if !ok {
			continue
		}
		path, _, err := unstructured.NestedString(config, "service", "path")
		if err != nil {
			return fmt.Errorf("read webhooks of %s: %w", object.GetName(), err)
		}
		delete(config, "service")
		config["url"] = "https://localhost:" + port + path
	}
	return unstructured.SetNestedSlice(object.Object, webhooks, "webhooks")
}
