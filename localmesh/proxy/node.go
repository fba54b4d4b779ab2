package proxy

import (
	"encoding/json"
	"fmt"
	"maps"
	"strings"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/types/known/structpb"
)

// Prefixes of environment variables whose rest is a name of node metadata.
const (
	metaPrefix     = "ISTIO_META_"
	metaJSONPrefix = "ISTIO_METAJSON_"
)

// node returns Envoy's description of itself for istiod, which Istio's agent derives from
// its environment and the pod's labels and annotations.
func node(o Options) (*corev3.Node, error) {
	meta := map[string]any{}
	for name, value := range o.Env {
		if key, ok := strings.CutPrefix(name, metaJSONPrefix); ok {
			if err := json.Unmarshal([]byte(value), &meta); err != nil {
				return nil, fmt.Errorf("parse %s%s: %w", metaJSONPrefix, key, err)
			}
		} else if key, ok := strings.CutPrefix(name, metaPrefix); ok {
			meta[key] = value
		}
	}
	for key, name := range map[string]string{"NAME": "POD_NAME", "NAMESPACE": "POD_NAMESPACE", "SERVICE_ACCOUNT": "SERVICE_ACCOUNT"} {
		meta[key] = o.Env[name]
	}
	config, err := proxyConfig(o.Env)
	if err != nil {
		return nil, err
	}
	// Without it istiod omits the proxy from its list of proxies.
	meta["PROXY_CONFIG"] = config
	// Istio's agent omits this label, so that a rollout changes no configuration.
	labels := maps.Clone(o.Labels)
	delete(labels, "pod-template-hash")
	meta["LABELS"] = anyMap(labels)
	meta["ANNOTATIONS"] = anyMap(o.Annotations)
	meta["INSTANCE_IPS"] = o.IP.String()
	meta["ISTIO_VERSION"] = o.IstioVersion
	meta["ENVOY_STATUS_PORT"] = statusPort
	meta["ENVOY_PROMETHEUS_PORT"] = prometheusPort
	for key, value := range map[string]string{"CLUSTER_ID": "Kubernetes", "INTERCEPTION_MODE": "REDIRECT", "MESH_ID": trustDomain} {
		if _, set := meta[key]; !set {
			meta[key] = value
		}
	}
	fields, err := structpb.NewStruct(meta)
	if err != nil {
		return nil, fmt.Errorf("make node metadata: %w", err)
	}
	name, namespace := o.Env["POD_NAME"], o.Env["POD_NAMESPACE"]
	return &corev3.Node{
		Id:       fmt.Sprintf("%s~%s~%s.%s~%s.svc.cluster.local", o.Type, o.IP, name, namespace, namespace),
		Cluster:  cluster(o, namespace),
		Metadata: fields,
	}, nil
}

// cluster is the workload's name in traces.
func cluster(o Options, namespace string) string {
	for _, name := range []string{o.Labels["app"], o.Labels["app.kubernetes.io/name"], o.Env[metaPrefix+"WORKLOAD_NAME"]} {
		if name != "" {
			return name + "." + namespace
		}
	}
	return "istio-proxy." + namespace
}

// proxyConfig is the mesh's proxy configuration, which injection passes to the container.
func proxyConfig(env map[string]string) (map[string]any, error) {
	config := map[string]any{}
	if text := strings.TrimSpace(env["PROXY_CONFIG"]); text != "" {
		if err := json.Unmarshal([]byte(text), &config); err != nil {
			return nil, fmt.Errorf("parse PROXY_CONFIG: %w", err)
		}
	}
	return config, nil
}

func anyMap(in map[string]string) map[string]any {
	out := make(map[string]any, len(in))
	for key, value := range in {
		out[key] = value
	}
	return out
}
