package agent

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
)

// Events have a kubelet's texts, so that `kubectl describe pod` looks familiar.

// newRecorder writes events until it is stopped. It combines equal events.
func newRecorder(client kubernetes.Interface, node string) (recorder record.EventRecorder, stop func()) {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet", Host: node}), broadcaster.Shutdown
}

// event reports an Event of a container, or of the pod if c is nil. Any goroutine that
// has the pod may call it.
func (a *agent) event(pod *corev1.Pod, c *container, kind, reason, message string) {
	object := &corev1.ObjectReference{
		Kind: "Pod", APIVersion: "v1", Namespace: pod.Namespace, Name: pod.Name, UID: pod.UID, ResourceVersion: pod.ResourceVersion,
	}
	if c != nil {
		list := "containers"
		if c.role != regular {
			list = "initContainers"
		}
		object.FieldPath = "spec." + list + "{" + c.spec.Name + "}"
	}
	a.recorder.Event(object, kind, reason, message)
}
