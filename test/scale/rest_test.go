package scale

import (
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// TestAtRest: a Service is not at rest if more changes will follow by themselves.
func TestAtRest(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		change func(a *app)
		want   bool
	}{
		{"as asked for", func(*app) {}, true},
		{"not ready, and said so", func(a *app) {
			a.pods["cart-1"].Status.Conditions[0].Status = corev1.ConditionFalse
			a.slices["cart"].Endpoints[0].Conditions.Ready = new(false)
		}, true},
		{"a rollout was not noticed yet", func(a *app) { a.deployments["cart"].Generation++ }, false},
		{"a rollout is under way", func(a *app) { a.deployments["cart"].Status.UpdatedReplicas = 0 }, false},
		{"scaled up", func(a *app) { a.deployments["cart"].Spec.Replicas = new(int32(2)) }, false},
		{"a pod is to come", func(a *app) { delete(a.pods, "cart-1") }, false},
		{"a pod was never ready", func(a *app) { a.pods["cart-1"].Status.Conditions = nil }, false},
		{"a pod is to go", func(a *app) { a.pods["cart-1"].DeletionTimestamp = &metav1.Time{Time: time.Now()} }, false},
		{"pods are left of a Deployment", func(a *app) { delete(a.deployments, "cart") }, false},
		{"EndpointSlices do not know", func(a *app) { a.slices["cart"].Endpoints[0].Conditions.Ready = new(false) }, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := newApp(appKey{"shop", "cart"})
			a.deployments["cart"] = &appsv1.Deployment{Spec: appsv1.DeploymentSpec{Replicas: new(int32(1))}, Status: appsv1.DeploymentStatus{Replicas: 1, UpdatedReplicas: 1}}
			a.pods["cart-1"] = &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}}
			a.slices["cart"] = &discoveryv1.EndpointSlice{Endpoints: []discoveryv1.Endpoint{{
				Conditions: discoveryv1.EndpointConditions{Ready: new(true)}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: "cart-1"},
			}}}
			test.change(a)
			if got := a.atRest(); got != test.want {
				t.Errorf("at rest: %t", got)
			}
		})
	}
}
