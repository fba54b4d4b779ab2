package discover

import (
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const (
	// proxyContainer is the container that injection adds (istio pkg/kube/inject:
	// ProxyContainerName), among the init containers where it is a native sidecar.
	proxyContainer = "istio-proxy"
	// injectedAnnotation is on the pods that injection has changed.
	injectedAnnotation = "sidecar.istio.io/status"
	// injectLabel is the label that injection reads first, and then the annotation of that
	// name.
	injectLabel = "sidecar.istio.io/inject"
)

// sidecar is what a pod, or a template of pods, says about its sidecar.
type sidecar uint8

const (
	// unsaid leaves the decision to the labels of the namespace and to Istio's settings.
	unsaid sidecar = iota
	// present is a pod that has a sidecar.
	present
	// refused is a pod that gets none, whatever its namespace says.
	refused
)

// sidecarOf returns what a pod says (istio pkg/kube/inject: injectRequired).
func sidecarOf(meta *metav1.ObjectMeta, spec *corev1.PodSpec) sidecar {
	isProxy := func(c corev1.Container) bool { return c.Name == proxyContainer }
	if _, injected := meta.Annotations[injectedAnnotation]; injected || slices.ContainsFunc(spec.Containers, isProxy) || slices.ContainsFunc(spec.InitContainers, isProxy) {
		return present
	}
	inject, said := meta.Labels[injectLabel]
	if !said {
		inject = meta.Annotations[injectLabel]
	}
	if inject == "false" || spec.HostNetwork {
		return refused
	}
	return unsaid
}

// uninjected lists the namespaces whose pods no webhook of Istio's injects, whatever the
// pods say; see injectedRevision.
func (o *Objects) uninjected() map[string]bool {
	out := map[string]bool{}
	for _, n := range o.Namespaces {
		if injection, said := n.Labels[injectionLabel]; said && injection != "enabled" {
			out[n.Name] = true
		}
	}
	return out
}
