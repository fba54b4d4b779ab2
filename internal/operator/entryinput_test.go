package operator

import (
	"testing"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/edge"
)

// TestEntryOfKubernetesGateway: the loop of policies has what it needs for Gateways of the
// Gateway API: the Gateway, and the hosts of its HTTPRoutes.
func TestEntryOfKubernetesGateway(t *testing.T) {
	t.Parallel()
	options := DefaultOptions()
	options.AllNamespaces = true
	s := newStore(&options)
	for _, object := range []map[string]any{
		{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "Gateway", "metadata": map[string]any{"namespace": "ingress", "name": "public"}, "spec": map[string]any{
			"gatewayClassName": "istio", "listeners": []any{map[string]any{"name": "http", "port": int64(80), "protocol": "HTTP"}},
		}},
		{"apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute", "metadata": map[string]any{"namespace": "shop", "name": "web"}, "spec": map[string]any{
			"parentRefs": []any{map[string]any{"name": "public", "namespace": "ingress"}}, "hostnames": []any{"www.preview.shop.example.com"},
			"rules": []any{map[string]any{"backendRefs": []any{map[string]any{"name": "web", "port": int64(80)}}}},
		}},
		{"apiVersion": "overrides.mesh/v1alpha1", "kind": "GatewayOverridePolicy", "metadata": map[string]any{"namespace": "ingress", "name": "public"}, "spec": map[string]any{
			"targetRef":    map[string]any{"group": "gateway.networking.k8s.io", "kind": "Gateway", "name": "public"},
			"previewHosts": []any{map[string]any{"host": "*.preview.shop.example.com", "for": "shop.example.com"}},
		}},
	} {
		u := &unstructured.Unstructured{Object: object}
		read, err := readItem(u)
		if err != nil {
			t.Fatal(err)
		}
		s.put(diag.Object{Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}, read)
	}
	in := s.entryInput()
	snapshot, _ := in.objects.Snapshot(options.Model)
	entries, err := edge.Decide(snapshot)
	if err != nil || len(entries) != 1 || !entries[0].IsAccepted() {
		t.Fatalf("the policy is not accepted: %+v %v", entries, err)
	}
	for _, d := range entries[0].Diagnostics {
		if d.Code == diag.EdgeHostTaken && d.Object.Kind == "HTTPRoute" {
			return
		}
	}
	t.Errorf("nothing is said about the host of the HTTPRoute: %v", entries[0].Diagnostics)
}
