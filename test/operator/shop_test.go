package operator_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
)

const hash = "5d4f8c7b9"

// shop is a namespace with a Service, and plays its users and controllers.
type shop struct {
	namespace string
	plane     *controlplane.Plane
	// config is that of the operator's ServiceAccount, with the rights that the chart gives to
	// it, and kubeconfig a file with the same. The clients are an administrator's.
	config     *rest.Config
	kubeconfig string
	kube       *kubernetes.Clientset
	objects    dynamic.Interface
	// pods of each version; true for ready ones.
	pods map[string]bool
}

// openShop creates a namespace, whose name begins with name, with the Service cart and
// its v1.
func openShop(t *testing.T, plane *controlplane.Plane, name string) *shop {
	t.Helper()
	s := &shop{plane: plane, pods: map[string]bool{}}
	var err error
	if s.kube, err = kubernetes.NewForConfig(plane.Config); err != nil {
		t.Fatal(err)
	}
	if s.objects, err = dynamic.NewForConfig(plane.Config); err != nil {
		t.Fatal(err)
	}
	made, err := s.kube.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: name + "-"}}, metav1.CreateOptions{})
	check(t, err)
	s.namespace = made.Name
	s.installRights(t)
	_, err = s.kube.CoreV1().Services(s.namespace).Create(t.Context(), &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: "cart"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "cart"}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	}, metav1.CreateOptions{})
	check(t, err)
	s.deploy(t, "v1")
	s.ready(t, "v1", true)
	return s
}

// label sets whether the namespace is managed, for operators that select by label.
func (s *shop) label(t *testing.T, enabled string) {
	t.Helper()
	patch := []byte(`{"metadata":{"labels":{"overrides.mesh/enabled":"` + enabled + `"}}}`)
	_, err := s.kube.CoreV1().Namespaces().Patch(t.Context(), s.namespace, types.MergePatchType, patch, metav1.PatchOptions{})
	check(t, err)
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// deploy creates the Deployment of a version and one Pod, which is not ready.
func (s *shop) deploy(t *testing.T, version string) {
	t.Helper()
	s.deployment(t, version)
	s.pod(t, version)
}

func (s *shop) deployment(t *testing.T, version string) {
	t.Helper()
	labels := map[string]string{"app": "cart", "version": version}
	_, err := s.kube.AppsV1().Deployments(s.namespace).Create(t.Context(), &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "cart-" + version},
		Spec:       appsv1.DeploymentSpec{Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec()}},
	}, metav1.CreateOptions{})
	check(t, err)
}

func (s *shop) pod(t *testing.T, version string) {
	t.Helper()
	labels := map[string]string{"app": "cart", "version": version, "pod-template-hash": hash}
	yes := true
	_, err := s.kube.CoreV1().Pods(s.namespace).Create(t.Context(), &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: pod(version), Labels: labels, OwnerReferences: []metav1.OwnerReference{
			{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: "cart-" + version + "-" + hash, UID: "made-up", Controller: &yes},
		}},
		Spec: podSpec(),
	}, metav1.CreateOptions{})
	check(t, err)
	s.ready(t, version, false)
}

func pod(version string) string { return "cart-" + version + "-" + hash + "-x2x4x" }

func podSpec() corev1.PodSpec {
	return corev1.PodSpec{Containers: []corev1.Container{{Name: "app", Image: "example.com/cart"}}}
}

// ready makes the Pod of a version ready or unready, as a kubelet and the controller of
// EndpointSlices would.
func (s *shop) ready(t *testing.T, version string, yes bool) {
	t.Helper()
	s.pods[version] = yes
	status := corev1.ConditionFalse
	if yes {
		status = corev1.ConditionTrue
	}
	p, err := s.kube.CoreV1().Pods(s.namespace).Get(t.Context(), pod(version), metav1.GetOptions{})
	check(t, err)
	p.Status.Phase = corev1.PodRunning
	p.Status.Conditions = slices.DeleteFunc(p.Status.Conditions, func(c corev1.PodCondition) bool { return c.Type == corev1.PodReady })
	p.Status.Conditions = append(p.Status.Conditions, corev1.PodCondition{Type: corev1.PodReady, Status: status})
	_, err = s.kube.CoreV1().Pods(s.namespace).UpdateStatus(t.Context(), p, metav1.UpdateOptions{})
	check(t, err)
	s.publish(t)
}

// publish writes the EndpointSlice.
func (s *shop) publish(t *testing.T) {
	t.Helper()
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta:  metav1.ObjectMeta{Name: "cart-x2x4x", Labels: map[string]string{discoveryv1.LabelServiceName: "cart"}},
		AddressType: discoveryv1.AddressTypeIPv4,
	}
	for i, version := range slices.Sorted(maps.Keys(s.pods)) {
		yes := s.pods[version]
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{fmt.Sprintf("10.244.0.%d", i+1)},
			Conditions: discoveryv1.EndpointConditions{Ready: &yes},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: s.namespace, Name: pod(version)},
		})
	}
	endpoints := s.kube.DiscoveryV1().EndpointSlices(s.namespace)
	_, err := endpoints.Get(t.Context(), slice.Name, metav1.GetOptions{})
	if err == nil {
		_, err = endpoints.Update(t.Context(), slice, metav1.UpdateOptions{})
	} else {
		_, err = endpoints.Create(t.Context(), slice, metav1.CreateOptions{})
	}
	check(t, err)
}

// remove deletes a version.
func (s *shop) remove(t *testing.T, version string) {
	t.Helper()
	delete(s.pods, version)
	now := int64(0)
	check(t, s.kube.AppsV1().Deployments(s.namespace).Delete(t.Context(), "cart-"+version, metav1.DeleteOptions{}))
	check(t, s.kube.CoreV1().Pods(s.namespace).Delete(t.Context(), pod(version), metav1.DeleteOptions{GracePeriodSeconds: &now}))
	s.publish(t)
}
