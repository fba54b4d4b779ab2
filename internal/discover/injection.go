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
	// dataplaneLabel is on namespaces of the ambient mesh, whose pods need no sidecars.
	dataplaneLabel = "istio.io/dataplane-mode"
	ambient        = "ambient"
	ambientText    = dataplaneLabel + ": " + ambient
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
	// asked is a pod that gets one where its namespace says nothing.
	asked
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
	switch {
	case inject == "false" || spec.HostNetwork:
		return refused
	case inject == "true":
		return asked
	}
	return unsaid
}

// isMissing reports whether a pod that is not created yet will have no sidecar. label is the
// label of its namespace for which pods get none; empty if they do.
func (s sidecar) isMissing(label string) bool {
	return s == refused || label != "" && (s == unsaid || s == asked && label != ambientText)
}

// uninjected lists the namespaces whose pods get no sidecar, each with the label that says
// so; see injectedRevision. In a namespace of the ambient mesh a pod can still ask for one.
func (o *Objects) uninjected() map[string]string {
	out := map[string]string{}
	for _, n := range o.Namespaces {
		injection, said := n.Labels[injectionLabel]
		switch {
		case said && injection != "enabled":
			out[n.Name] = injectionLabel + ": " + injection
		case !said && n.Labels[revisionLabel] == "" && n.Labels[dataplaneLabel] == ambient:
			out[n.Name] = ambientText
		}
	}
	return out
}
