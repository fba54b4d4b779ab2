package fleet

import (
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// port is the port of every Service and Pod.
const port = 8080

// versions are the versions of every Service. The first is the released one.
func versions() []string { return []string{"v1", "v2"} }

// podHash is the hash in the names and labels of a Deployment's pods.
const podHash = "5d4f8c7b9"

func service(namespace, name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{"app": name}},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": name},
			Ports:    []corev1.ServicePort{{Name: "http", Port: port}},
		},
	}
}

// template is the pod template of one version.
func template(app, version string) corev1.PodTemplateSpec {
	return corev1.PodTemplateSpec{
		ObjectMeta: metav1.ObjectMeta{Labels: map[string]string{"app": app, "version": version}},
		Spec: corev1.PodSpec{Containers: []corev1.Container{{
			Name: "app", Image: "example.com/" + app + ":" + version,
			Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: port}},
		}}},
	}
}

func deployment(namespace, app, version string) *appsv1.Deployment {
	pods := template(app, version)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: app + "-" + version, Labels: pods.Labels},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: pods.Labels},
			Template: pods,
		},
	}
}

func replicaSet(owner *appsv1.Deployment) *appsv1.ReplicaSet {
	pods := *owner.Spec.Template.DeepCopy()
	pods.Labels["pod-template-hash"] = podHash
	return &appsv1.ReplicaSet{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: owner.Namespace, Name: owner.Name + "-" + podHash, Labels: pods.Labels,
			OwnerReferences: ownedBy("Deployment", owner.Name, owner.UID),
		},
		Spec: appsv1.ReplicaSetSpec{Selector: &metav1.LabelSelector{MatchLabels: pods.Labels}, Template: pods},
	}
}

func pod(owner *appsv1.ReplicaSet) *corev1.Pod {
	spec := *owner.Spec.Template.Spec.DeepCopy()
	spec.NodeName = "node"
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: owner.Namespace, Name: owner.Name + "-x2x4x", Labels: owner.Spec.Template.Labels,
			OwnerReferences: ownedBy("ReplicaSet", owner.Name, owner.UID),
		},
		Spec: spec,
	}
}

// running is the status that a kubelet would set for a ready pod.
func running(address string) corev1.PodStatus {
	return corev1.PodStatus{
		Phase: corev1.PodRunning,
		PodIP: address, PodIPs: []corev1.PodIP{{IP: address}},
		Conditions: []corev1.PodCondition{
			{Type: corev1.PodScheduled, Status: corev1.ConditionTrue},
			{Type: corev1.PodReady, Status: corev1.ConditionTrue},
		},
	}
}

func endpointSlice(owner *corev1.Service, pods []*corev1.Pod) *discoveryv1.EndpointSlice {
	yes, name, number := true, "http", int32(port)
	slice := &discoveryv1.EndpointSlice{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: owner.Namespace, Name: owner.Name + "-x2x4x",
			Labels: map[string]string{
				discoveryv1.LabelServiceName: owner.Name,
				discoveryv1.LabelManagedBy:   "endpointslice-controller.k8s.io",
			},
			OwnerReferences: []metav1.OwnerReference{{APIVersion: "v1", Kind: "Service", Name: owner.Name, UID: owner.UID, Controller: &yes}},
		},
		AddressType: discoveryv1.AddressTypeIPv4,
		Ports:       []discoveryv1.EndpointPort{{Name: &name, Port: &number}},
	}
	for _, p := range pods {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
			Addresses:  []string{p.Status.PodIP},
			Conditions: discoveryv1.EndpointConditions{Ready: &yes, Serving: &yes},
			TargetRef:  &corev1.ObjectReference{Kind: "Pod", Namespace: p.Namespace, Name: p.Name, UID: p.UID},
		})
	}
	return slice
}

func ownedBy(kind, name string, uid types.UID) []metav1.OwnerReference {
	yes := true
	return []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: kind, Name: name, UID: uid, Controller: &yes}}
}

// address returns the IP of the nth pod.
func address(n int) string { return fmt.Sprintf("10.244.%d.%d", n/250, n%250+1) }
