package proxy_test

import (
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	bootstrapv3 "github.com/envoyproxy/go-control-plane/envoy/config/bootstrap/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/testing/protocmp"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/overrides-mesh/overrides/localmesh/proxy"
)

// options describe a sidecar as Istio's injection does.
func options() proxy.Options {
	return proxy.Options{
		Type: proxy.Sidecar,
		IP:   netip.MustParseAddr("10.244.1.7"),
		Env: map[string]string{
			"POD_NAME": "reviews-v1-abc", "POD_NAMESPACE": "shop", "SERVICE_ACCOUNT": "reviews",
			"PROXY_CONFIG":                 `{"discoveryAddress":"istiod.istio-system.svc:15012","runtimeValues":{"a.b":"true"}}` + "\n",
			"ISTIO_META_WORKLOAD_NAME":     "reviews-v1",
			"ISTIO_META_CLUSTER_ID":        "Kubernetes",
			"ISTIO_META_POD_PORTS":         `[{"containerPort":9080}]`,
			"ISTIO_META_APP_CONTAINERS":    "reviews",
			"ISTIO_META_INTERCEPTION_MODE": "REDIRECT",
			"ISTIO_METAJSON_MORE":          `{"MORE":{"a":"b"}}`,
		},
		Labels:       map[string]string{"app": "reviews", "version": "v1", "pod-template-hash": "abc"},
		Annotations:  map[string]string{"istio.io/rev": "default"},
		IstioVersion: "1.31.0",
		XDS:          "10.244.0.1:15010",
		SDS:          "/run/sds.sock",
	}
}

func bootstrap(t *testing.T, o proxy.Options) *bootstrapv3.Bootstrap {
	t.Helper()
	data, err := proxy.Bootstrap(o)
	if err != nil {
		t.Fatal(err)
	}
	config := &bootstrapv3.Bootstrap{}
	if err := protojson.Unmarshal(data, config); err != nil {
		t.Fatal(err)
	}
	if err := config.ValidateAll(); err != nil {
		t.Errorf("Envoy's own rules: %v", err)
	}
	return config
}

func TestNode(t *testing.T) {
	t.Parallel()
	node := bootstrap(t, options()).Node
	if node.Id != "sidecar~10.244.1.7~reviews-v1-abc.shop~shop.svc.cluster.local" || node.Cluster != "reviews.shop" {
		t.Errorf("node %s, cluster %s", node.Id, node.Cluster)
	}
	want, err := structpb.NewStruct(map[string]any{
		"NAME": "reviews-v1-abc", "NAMESPACE": "shop", "SERVICE_ACCOUNT": "reviews", "WORKLOAD_NAME": "reviews-v1",
		"CLUSTER_ID": "Kubernetes", "MESH_ID": "cluster.local", "INTERCEPTION_MODE": "REDIRECT", "ISTIO_VERSION": "1.31.0",
		"POD_PORTS": `[{"containerPort":9080}]`, "APP_CONTAINERS": "reviews", "INSTANCE_IPS": "10.244.1.7",
		"ENVOY_STATUS_PORT": 15021, "ENVOY_PROMETHEUS_PORT": 15090, "MORE": map[string]any{"a": "b"},
		"LABELS":      map[string]any{"app": "reviews", "version": "v1"},
		"ANNOTATIONS": map[string]any{"istio.io/rev": "default"},
		"PROXY_CONFIG": map[string]any{
			"discoveryAddress": "istiod.istio-system.svc:15012", "runtimeValues": map[string]any{"a.b": "true"},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, node.Metadata, protocmp.Transform()); diff != "" {
		t.Errorf("metadata (-want +got):\n%s", diff)
	}
}

// TestMark checks that all outbound connections of the pod are marked, and no others.
func TestMark(t *testing.T) {
	t.Parallel()
	config := bootstrap(t, options())
	socket := config.ClusterManager.UpstreamBindConfig.SocketOptions[0]
	if socket.Level != 1 || socket.Name != 36 || socket.GetIntValue() != proxy.Mark || socket.State != 0 {
		t.Errorf("socket option: %v", socket)
	}
	for _, cluster := range config.StaticResources.Clusters {
		pipe := cluster.LoadAssignment.Endpoints[0].LbEndpoints[0].GetEndpoint().Address.GetPipe() != nil
		if unbound := cluster.UpstreamBindConfig != nil; unbound != pipe {
			t.Errorf("cluster %s: pipe %v, bound otherwise %v", cluster.Name, pipe, unbound)
		}
	}
}

func TestRuntime(t *testing.T) {
	t.Parallel()
	layer := bootstrap(t, options()).LayeredRuntime.Layers[0].GetStaticLayer().AsMap()
	if layer["re2.max_program_size.error_level"] != float64(32768) || layer["a.b"] != true {
		t.Errorf("runtime: %v", layer)
	}
}

func TestBootstrapErrors(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*proxy.Options){
		"proxy config": func(o *proxy.Options) { o.Env["PROXY_CONFIG"] = "{" },
		"metadata":     func(o *proxy.Options) { o.Env["ISTIO_METAJSON_MORE"] = "[" },
		"istiod":       func(o *proxy.Options) { o.XDS = "istiod:15010" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := options()
			change(&o)
			if data, err := proxy.Bootstrap(o); err == nil {
				t.Errorf("no error, but %s", data)
			}
		})
	}
}

// TestEnvoyAccepts validates a bootstrap with Envoy itself.
func TestEnvoyAccepts(t *testing.T) {
	t.Parallel()
	envoy := os.Getenv("ENVOY")
	if envoy == "" {
		t.Skip("ENVOY names no Envoy")
	}
	for _, role := range []proxy.Type{proxy.Sidecar, proxy.Router} {
		o := options()
		o.Type = role
		data, err := proxy.Bootstrap(o)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(t.TempDir(), "bootstrap.json")
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.CommandContext(t.Context(), envoy, "--mode", "validate", "-c", file).CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", role, err, out)
		}
	}
}
