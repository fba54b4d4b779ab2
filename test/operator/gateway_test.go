package operator_test

import (
	"fmt"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var gateways = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "gateways"}

// TestCompanion: a gateway gets a companion while there is something to override and its
// pods are known, which follows the user's VirtualService.
func TestCompanion(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "companion")
	s.istio(t, gateways, "Gateway", "public", map[string]any{
		"selector": map[string]any{"istio": "ingress"},
		"servers":  []any{map[string]any{"hosts": []any{"*"}, "port": map[string]any{"number": int64(80), "name": "http", "protocol": "HTTP"}}},
	})
	s.istio(t, virtualServices, "VirtualService", "front", map[string]any{
		"hosts": []any{"shop.example.com"}, "gateways": []any{"public"},
		"http": []any{map[string]any{"route": []any{map[string]any{"destination": map[string]any{"host": "cart"}}}}},
	})
	run(t, s.config, options(s.namespace))
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	s.hasEvent(t, "EntranceNotPinned", "no pods of Gateway "+s.namespace+"/public are known", 1)
	_, err := s.kube.CoreV1().Pods(s.namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: "ingress", Labels: map[string]string{"istio": "ingress"}}, Spec: podSpec(),
	}, metav1.CreateOptions{})
	check(t, err)
	s.converges(t, 3)
	companion := s.companion(t)
	if text := fmt.Sprint(companion.Object["spec"]); !strings.Contains(text, "exportTo:["+s.namespace+"] gateways:["+s.namespace+"/public] hosts:[shop.example.com]") {
		t.Errorf("the companion is %s", text)
	}
	_, err = s.objects.Resource(virtualServices).Namespace(s.namespace).Patch(t.Context(), "front", "application/merge-patch+json",
		[]byte(`{"spec":{"hosts":["shop.example.com","www.example.com"]}}`), metav1.PatchOptions{})
	check(t, err)
	s.converges(t, 3)
	if after := s.companion(t); after.GetUID() != companion.GetUID() || after.GetGeneration() == companion.GetGeneration() {
		t.Error("the companion did not follow, or is another object")
	}
	s.remove(t, "v2")
	s.converges(t, 0)
	if _, err := s.objects.Resource(virtualServices).Namespace(s.namespace).Get(t.Context(), "front-gateway-overrides", metav1.GetOptions{}); !apierrors.IsNotFound(err) {
		t.Errorf("the companion is left: %v", err)
	}
}

func (s *shop) companion(t *testing.T) *unstructured.Unstructured {
	t.Helper()
	out, err := s.objects.Resource(virtualServices).Namespace(s.namespace).Get(t.Context(), "front-gateway-overrides", metav1.GetOptions{})
	check(t, err)
	return out
}

// istio creates an object of Istio's.
func (s *shop) istio(t *testing.T, resource schema.GroupVersionResource, kind, name string, spec map[string]any) {
	t.Helper()
	_, err := s.objects.Resource(resource).Namespace(s.namespace).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": map[string]any{"name": name}, "spec": spec,
	}}, metav1.CreateOptions{})
	check(t, err)
}
