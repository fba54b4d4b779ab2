package operator_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
)

var (
	httpRoutes         = apply.Resources[istio.HTTPRouteKind]
	kubernetesGateways = schema.GroupVersionResource{Group: httpRoutes.Group, Version: "v1", Resource: "gateways"}
)

// TestKubernetesGateway: an HTTPRoute gets others beside it while a version with a Service of
// its own can serve. The kinds of the Gateway API may be installed while the operator runs.
func TestKubernetesGateway(t *testing.T) {
	t.Parallel()
	plane := ownPlane(t)
	check(t, installCRDs(t.Context(), plane))
	s := openShop(t, plane, "kubernetes-gateway")
	run(t, s.config, options(s.namespace))
	s.isolate(t)
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.endpoints(t, true)
	s.converges(t, 2)
	definitions, err := controlplane.GatewayCRDs(t.Context())
	check(t, err)
	check(t, plane.InstallCRDs(t.Context(), definitions...))
	s.attached(t, kubernetesGateways, "Gateway", "public", map[string]any{
		"gatewayClassName": "istio",
		"listeners":        []any{map[string]any{"name": "http", "port": int64(80), "protocol": "HTTP"}},
	})
	s.attached(t, httpRoutes, istio.HTTPRouteKind, "front", map[string]any{
		"parentRefs": []any{map[string]any{"name": "public"}}, "hostnames": []any{"shop.example.com"},
		"rules": []any{
			map[string]any{
				"matches": []any{map[string]any{"path": map[string]any{"value": "/old"}}},
				"filters": []any{map[string]any{"type": "RequestRedirect", "requestRedirect": map[string]any{"hostname": "www.example.com"}}},
			},
			map[string]any{"backendRefs": []any{map[string]any{"name": "cart", "port": int64(80)}}},
		},
	})
	both := []string{"front-overrides", "front.cart-v2-overrides"}
	s.hasRoutes(t, both...)
	generation := s.route(t, both[1]).GetGeneration()
	s.hasEvent(t, "EntranceNotPinned", "HTTPRoute "+s.namespace+"/front leads to it", 1)

	s.ready(t, "v2", false)
	s.endpoints(t, false)
	s.hasRoutes(t, both[0])
	s.ready(t, "v2", true)
	s.endpoints(t, true)
	s.hasRoutes(t, both...)
	if again := s.route(t, both[1]).GetGeneration(); generation != 1 || again != 1 {
		t.Errorf("it was written %d times, and again %d times", generation, again)
	}
	_, err = s.objects.Resource(httpRoutes).Namespace(s.namespace).Patch(t.Context(), "front", "application/merge-patch+json",
		[]byte(`{"spec":{"hostnames":["shop.example.com","www.example.com"]}}`), metav1.PatchOptions{})
	check(t, err)
	eventually(t, "follow the user's HTTPRoute", func(context.Context) string {
		if hosts, _, _ := unstructured.NestedStringSlice(s.route(t, both[1]).Object, "spec", "hostnames"); len(hosts) != 2 {
			return strings.Join(hosts, " ")
		}
		return ""
	})
	check(t, s.objects.Resource(httpRoutes).Namespace(s.namespace).Delete(t.Context(), "front", metav1.DeleteOptions{}))
	s.hasRoutes(t)
}

// isolate creates a Service of its own for v2.
func (s *shop) isolate(t *testing.T) {
	t.Helper()
	_, err := s.kube.CoreV1().Services(s.namespace).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "cart-v2", Annotations: map[string]string{"overrides.mesh/version-of": "cart"}},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "cart", "version": "v2"}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}, metav1.CreateOptions{})
	check(t, err)
}

// endpoints writes the EndpointSlice of v2's own Service, and of the other.
func (s *shop) endpoints(t *testing.T, ready bool) {
	t.Helper()
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "cart-v2-x2x4x", Labels: map[string]string{discoveryv1.LabelServiceName: "cart-v2"}},
		AddressType: discoveryv1.AddressTypeIPv4,
		Endpoints: []discoveryv1.Endpoint{{
			Addresses: []string{"10.244.0.2"}, Conditions: discoveryv1.EndpointConditions{Ready: &ready},
			TargetRef: &corev1.ObjectReference{Kind: "Pod", Namespace: s.namespace, Name: pod("v2")},
		}},
	}
	endpoints := s.kube.DiscoveryV1().EndpointSlices(s.namespace)
	if _, err := endpoints.Update(t.Context(), slice, metav1.UpdateOptions{}); err != nil {
		_, err = endpoints.Create(t.Context(), slice, metav1.CreateOptions{})
		check(t, err)
	}
}

// attached creates an object of the Gateway API.
func (s *shop) attached(t *testing.T, resource schema.GroupVersionResource, kind, name string, spec map[string]any) {
	t.Helper()
	_, err := s.objects.Resource(resource).Namespace(s.namespace).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": istio.GatewayAPIVersion, "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec,
	}}, metav1.CreateOptions{})
	check(t, err)
}

func (s *shop) route(t *testing.T, name string) *unstructured.Unstructured {
	t.Helper()
	out, err := s.objects.Resource(httpRoutes).Namespace(s.namespace).Get(t.Context(), name, metav1.GetOptions{})
	check(t, err)
	return out
}

// hasRoutes waits until the HTTPRoutes of Overrides are those of some names, as the
// generator prints them.
func (s *shop) hasRoutes(t *testing.T, names ...string) {
	t.Helper()
	eventually(t, fmt.Sprint("HTTPRoutes ", names), func(ctx context.Context) string {
		list, err := s.objects.Resource(httpRoutes).Namespace(s.namespace).List(ctx, metav1.ListOptions{LabelSelector: istio.ManagedByLabel + "=" + istio.ManagedBy})
		if err != nil {
			return err.Error()
		}
		wanted, err := s.generate(ctx)
		if err != nil {
			return err.Error()
		}
		var got []string
		for i := range list.Items {
			seen, err := apply.Read(&list.Items[i])
			if err != nil {
				return err.Error()
			}
			if !slices.Contains(wanted, string(seen.Managed)) {
				return fmt.Sprintf("there is\n%s\nwant one of\n%s", seen.Managed, strings.Join(wanted, "\n"))
			}
			got = append(got, seen.Name)
		}
		if slices.Sort(got); !slices.Equal(got, names) {
			return fmt.Sprint("there are ", got)
		}
		return ""
	})
}
