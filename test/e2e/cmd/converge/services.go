package main

import (
	"bytes"
	"fmt"

	"github.com/overrides-mesh/overrides/internal/proxysync/istiod"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
)

const namespace = "converge"

func serviceName(n int) string { return fmt.Sprintf("service-%d", n) }

func hostOf(service string) string { return service + "." + namespace + ".svc.cluster.local" }

// clusterOf is Envoy's name for a subset.
func clusterOf(service, subset string) string { return "outbound|80|" + subset + "|" + hostOf(service) }

// manifests are the Services, each with one address, and the account that may ask istiod.
func manifests(services int) []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "apiVersion: v1\nkind: Namespace\nmetadata: {name: %s}\n", namespace)
	fmt.Fprintf(&out, "---\napiVersion: v1\nkind: ServiceAccount\nmetadata: {name: %s, namespace: %s}\n", istiod.DefaultServiceAccount, controlplane.IstioNamespace)
	for n := range services {
		name := serviceName(n)
		fmt.Fprintf(&out, "---\napiVersion: v1\nkind: Service\nmetadata: {name: %s, namespace: %s}\nspec: {ports: [{name: http, port: 80}]}\n", name, namespace)
		fmt.Fprintf(&out, "---\napiVersion: discovery.k8s.io/v1\nkind: EndpointSlice\n"+
			"metadata: {name: %s, namespace: %s, labels: {kubernetes.io/service-name: %s}}\naddressType: IPv4\n"+
			"ports: [{name: http, port: 80, protocol: TCP}]\nendpoints: [{addresses: [10.251.%d.%d]}]\n", name, namespace, name, n/250, n%250+1)
	}
	return out.Bytes()
}

// rule gives a Service one subset besides its previous one.
func rule(service, subset, before string) []byte {
	text := fmt.Sprintf("apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: %s, namespace: %s}\n"+
		"spec:\n  host: %s\n  subsets:\n  - {name: %s, labels: {version: %s}}\n", service, namespace, hostOf(service), subset, subset)
	if before != "" {
		text += fmt.Sprintf("  - {name: %s, labels: {version: %s}}\n", before, before)
	}
	return []byte(text)
}

// routes sends requests with its override to a subset.
func routes(service, subset string) []byte {
	return fmt.Appendf(nil, "apiVersion: networking.istio.io/v1\nkind: VirtualService\nmetadata: {name: %s, namespace: %s}\nspec:\n"+
		"  hosts: [%s]\n  http:\n  - name: override.%s\n    match: [{headers: {x-override: {exact: '%s:%s'}}}]\n"+
		"    route: [{destination: {host: %s, subset: %s}}]\n  - route: [{destination: {host: %s}}]\n",
		service, namespace, hostOf(service), subset, service, subset, hostOf(service), subset, hostOf(service))
}
