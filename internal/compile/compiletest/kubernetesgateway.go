package compiletest

import (
	"fmt"
	"maps"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"
)

// KubernetesGateways draws the manifests of [ShopWithVersions] behind Kubernetes Gateways:
// listeners and routes whose hostnames overlap, or that don't admit each other. The pods of the
// Gateways have [GatewayLabels], in namespace ingress.
func KubernetesGateways(t *rapid.T) []byte {
	var out []byte
	for _, document := range ShopWithVersions() {
		out = append(out, "---\n"+document+"\n"...)
	}
	objects := []object{
		{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "shop", "labels": object{"team": "shop"}}},
		{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "lab", "labels": object{"team": "lab"}}},
		{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "ingress"}},
		{"apiVersion": "v1", "kind": "Service", "metadata": object{"name": "public-istio", "namespace": "ingress"}, "spec": object{
			"selector": object{"gateway": "public"}, "ports": []any{object{"name": "http", "port": 80}, object{"name": "http-other", "port": 8080}},
		}},
		{"apiVersion": "v1", "kind": "Pod", "metadata": object{"name": "public", "namespace": "ingress", "labels": GatewayLabels()}, "spec": object{"containers": []any{object{"name": "istio-proxy", "image": "proxyv2"}}}},
		{"apiVersion": "gateway.networking.k8s.io/v1beta1", "kind": "ReferenceGrant", "metadata": object{"name": "lab", "namespace": "shop"}, "spec": object{
			"from": []any{object{"group": "gateway.networking.k8s.io", "kind": "HTTPRoute", "namespace": "lab"}, object{"group": "gateway.networking.k8s.io", "kind": "GRPCRoute", "namespace": "lab"}},
			"to":   []any{object{"group": "", "kind": "Service"}},
		}},
		{"apiVersion": gatewayVersion, "kind": "Gateway", "metadata": object{"name": "public", "namespace": "ingress"}, "spec": object{
			"gatewayClassName": "istio", "listeners": listeners(t, publicListeners), "allowedListeners": object{"namespaces": object{"from": "All"}},
		}},
	}
	parents := []object{{"name": "public", "namespace": "ingress"}}
	if rapid.IntRange(0, 3).Draw(t, "more listeners") == 0 {
		parents = append(parents, object{"kind": "ListenerSet", "name": "more", "namespace": "ingress"})
		objects = append(objects, object{"apiVersion": gatewayVersion, "kind": "ListenerSet", "metadata": object{"name": "more", "namespace": "ingress"}, "spec": object{
			"parentRef": object{"name": "public"}, "listeners": listeners(t, moreListeners),
		}})
	}
	if rapid.IntRange(0, 3).Draw(t, "another Gateway at the pods") == 0 {
		parents = append(parents, object{"name": "second", "namespace": "ingress"})
		objects = append(objects, object{"apiVersion": gatewayVersion, "kind": "Gateway", "metadata": object{"name": "second", "namespace": "ingress"}, "spec": object{
			"gatewayClassName": "istio", "listeners": listeners(t, publicListeners),
			"addresses": []any{object{"type": "Hostname", "value": "public-istio.ingress.svc.cluster.local"}},
		}})
	}
	for i := range rapid.IntRange(1, 3).Draw(t, "routes") {
		objects = append(objects, routeAt(t, i, parents))
	}
	for _, o := range objects {
		data, err := yaml.Marshal(o)
		if err != nil {
			panic(err) // a bug in the generator
		}
		out = append(append(out, "---\n"...), data...)
	}
	return out
}

const gatewayVersion = "gateway.networking.k8s.io/v1"

// GatewayLabels are the labels of the pods of gateways.
func GatewayLabels() map[string]string { return map[string]string{"gateway": "public"} }

// listenerAt is what tells listeners apart.
type listenerAt struct {
	port     int
	hostname string
}

// Listeners of a Gateway and of a ListenerSet must differ.
var (
	publicListeners = []listenerAt{{80, ""}, {80, "*.example.com"}, {80, "shop.example.com"}, {8080, ""}}
	moreListeners   = []listenerAt{{80, "a.example.com"}, {80, "*.com"}, {8080, "*.example.com"}}
)

// listeners draws up to three listeners.
func listeners(t *rapid.T, from []listenerAt) []any {
	drawn := rapid.SliceOfNDistinct(rapid.SampledFrom(from), 1, 3, func(a listenerAt) listenerAt { return a }).Draw(t, "listeners")
	var out []any
	for i, a := range drawn {
		l := object{"name": fmt.Sprintf("l%d", i), "port": a.port, "protocol": "HTTP"}
		if a.hostname != "" {
			l["hostname"] = a.hostname
		}
		all := object{"namespaces": object{"from": "All"}}
		allowed := rapid.SampledFrom([]object{
			all, all, all,
			{"namespaces": object{"from": "Selector", "selector": object{"matchLabels": object{"team": "shop"}}}},
			{"namespaces": object{"from": "All"}, "kinds": []any{object{"kind": "GRPCRoute"}}},
			{"namespaces": object{"from": "All"}, "kinds": []any{object{"kind": "HTTPRoute"}}},
			nil,
		}).Draw(t, "allowedRoutes")
		if allowed != nil {
			l["allowedRoutes"] = allowed
		}
		out = append(out, l)
	}
	return out
}

// routeAt draws an HTTPRoute, or a GRPCRoute.
func routeAt(t *rapid.T, i int, parents []object) object {
	var refs []any
	for _, p := range rapid.SliceOfNDistinct(rapid.IntRange(0, len(parents)-1), 1, len(parents), func(n int) int { return n }).Draw(t, "parents") {
		ref := maps.Clone(parents[p])
		switch rapid.IntRange(0, 5).Draw(t, "part of the parent") {
		case 0:
			ref["sectionName"] = "l0"
		case 1:
			ref["port"] = 80
		}
		refs = append(refs, ref)
	}
	rules, _ := HTTPRules(t)
	spec := object{"parentRefs": refs, "rules": rules}
	hostnames := rapid.SampledFrom([][]string{nil, {"shop.example.com"}, {"shop.example.com"}, {"shop.example.com"}, {"*.example.com"}, {"a.example.com"}, {"shop.example.com", "a.example.com"}, {"*.example.com", "shop.example.com"}}).Draw(t, "hostnames")
	if hostnames != nil {
		spec["hostnames"] = hostnames
	}
	kind := "HTTPRoute"
	if rapid.IntRange(0, 9).Draw(t, "a GRPCRoute") == 0 {
		kind = "GRPCRoute"
		spec["rules"] = []any{object{
			"matches":     []any{object{"method": object{"service": rapid.SampledFrom([]string{"x", "shop.Cart"}).Draw(t, "service")}}},
			"backendRefs": []any{object{"name": "media", "namespace": "shop", "port": 80}},
		}}
	}
	meta := object{"name": fmt.Sprintf("route-%d", i), "namespace": rapid.SampledFrom([]string{"shop", "shop", "lab"}).Draw(t, "namespace")}
	meta["creationTimestamp"] = fmt.Sprintf("2026-01-01T00:00:%02dZ", rapid.SampledFrom([]int{10, 20, 30}).Draw(t, "created"))
	return object{"apiVersion": gatewayVersion, "kind": kind, "metadata": meta, "spec": spec}
}
