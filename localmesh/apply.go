package localmesh

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/kubernetes"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
)

const (
	pollInterval = 50 * time.Millisecond
	// readyTimeout limits how long Pods may take to become ready.
	readyTimeout = 2 * time.Minute
)

// Kubernetes returns a client for the mesh.
func (m *Mesh) Kubernetes() kubernetes.Interface { return m.client }

// Apply applies the objects in manifests in their order, except that namespaces and kinds
// come first.
func (m *Mesh) Apply(ctx context.Context, manifests ...[]byte) error {
	objects, err := decode(manifests)
	if err != nil {
		return err
	}
	return m.ApplyObjects(ctx, objects...)
}

// ApplyObjects is Apply for decoded objects.
func (m *Mesh) ApplyObjects(ctx context.Context, objects ...*unstructured.Unstructured) error {
	return m.applier.Apply(ctx, objects...)
}

// Delete deletes the objects in manifests, from last to first.
func (m *Mesh) Delete(ctx context.Context, manifests ...[]byte) error {
	objects, err := decode(manifests)
	if err != nil {
		return err
	}
	return m.applier.Delete(ctx, objects...)
}

func decode(manifests [][]byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	for n, manifest := range manifests {
		found, err := controlplane.Decode(manifest)
		if err != nil {
			return nil, fmt.Errorf("decode manifest %d: %w", n+1, err)
		}
		objects = append(objects, found...)
	}
	return objects, nil
}

// WaitReady waits until every Deployment and StatefulSet of a namespace is stable: all
// its Pods have the newest template, are ready, and are in the EndpointSlices.
func (m *Mesh) WaitReady(ctx context.Context, namespace string) error {
	var pending error
	err := wait.PollUntilContextTimeout(ctx, pollInterval, readyTimeout, true, func(ctx context.Context) (bool, error) {
		var err error
		pending, err = m.pending(ctx, namespace)
		return pending == nil, err
	})
	return errors.Join(err, pending)
}

// pending returns an error that says what in a namespace is not ready yet, if anything.
func (m *Mesh) pending(ctx context.Context, namespace string) (pending, err error) {
	deployments, err := m.client.AppsV1().Deployments(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range deployments.Items {
		d := &deployments.Items[i]
		want := *d.Spec.Replicas
		s := d.Status
		if s.ObservedGeneration != d.Generation || s.Replicas != want || s.UpdatedReplicas != want || s.ReadyReplicas != want {
			return fmt.Errorf("deployment %s/%s has %d of %d Pods ready", namespace, d.Name, s.ReadyReplicas, want), nil
		}
	}
	sets, err := m.client.AppsV1().StatefulSets(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	for i := range sets.Items {
		s := &sets.Items[i]
		if want := *s.Spec.Replicas; s.Status.ObservedGeneration != s.Generation || s.Status.ReadyReplicas != want || s.Status.UpdatedReplicas != want {
			return fmt.Errorf("stateful set %s/%s has %d of %d Pods ready", namespace, s.Name, s.Status.ReadyReplicas, want), nil
		}
	}
	return m.unpublished(ctx, namespace)
}

// unpublished returns an error for a ready Pod of a namespace that a Service selects and
// no EndpointSlice contains.
func (m *Mesh) unpublished(ctx context.Context, namespace string) (pending, err error) {
	pods, err := m.Pods(ctx, namespace, "")
	if err != nil {
		return nil, err
	}
	services, err := m.client.CoreV1().Services(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	slicesList, err := m.client.DiscoveryV1().EndpointSlices(namespace).List(ctx, metav1.ListOptions{})
	if err != nil {
		return nil, err
	}
	published := map[string]bool{}
	for i := range slicesList.Items {
		slice := &slicesList.Items[i]
		for _, endpoint := range slice.Endpoints {
			ready := endpoint.Conditions.Ready != nil && *endpoint.Conditions.Ready
			for _, address := range endpoint.Addresses {
				published[slice.Labels["kubernetes.io/service-name"]+"/"+address] = ready
			}
		}
	}
	for i := range services.Items {
		service := &services.Items[i]
		for j := range pods {
			pod := &pods[j]
			if selects(service.Spec.Selector, pod.Labels) && Ready(pod) && !published[service.Name+"/"+pod.Status.PodIP] {
				return fmt.Errorf("service %s/%s does not have pod %s yet", namespace, service.Name, pod.Name), nil
			}
		}
	}
	return nil, nil
}

// selects reports whether a Service with that selector selects a Pod with those labels.
func selects(selector, pod map[string]string) bool {
	return len(selector) > 0 && labels.SelectorFromSet(selector).Matches(labels.Set(pod))
}

// Ready reports whether a Pod is ready, and not terminating.
func Ready(pod *corev1.Pod) bool {
	return pod.DeletionTimestamp == nil && slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue
	})
}

// Pods returns the Pods of a namespace that a label selector matches, by name.
func (m *Mesh) Pods(ctx context.Context, namespace, selector string) ([]corev1.Pod, error) {
	list, err := m.client.CoreV1().Pods(namespace).List(ctx, metav1.ListOptions{LabelSelector: selector})
	if err != nil {
		return nil, fmt.Errorf("list Pods: %w", err)
	}
	return list.Items, nil
}

// LogFiles lists the logs of containers. Without the name of a pod they are those of all pods in
// the namespace, and without that of a container those of all containers.
func (m *Mesh) LogFiles(namespace, pod, container string) ([]string, error) {
	if pod != "" {
		pod += "_"
	}
	files, err := filepath.Glob(filepath.Join(m.Dir, "logs", namespace+"_"+pod+"*", cmp.Or(container, "*"), "*.log"))
	if err != nil {
		return nil, fmt.Errorf("list logs: %w", err)
	}
	return files, nil
}

// Pod returns the first ready Pod that a label selector matches.
func (m *Mesh) Pod(ctx context.Context, namespace, selector string) (Pod, error) {
	pods, err := m.Pods(ctx, namespace, selector)
	if err != nil {
		return Pod{}, err
	}
	for i := range pods {
		if Ready(&pods[i]) {
			return Pod{Namespace: namespace, Name: pods[i].Name, IP: pods[i].Status.PodIP}, nil
		}
	}
	return Pod{}, fmt.Errorf("find a Pod with %s in %s: none is ready", selector, namespace)
}
