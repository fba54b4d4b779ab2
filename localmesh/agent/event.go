package agent

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/kubernetes/scheme"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
)

// Events are a kubelet's, so that `kubectl describe pod` says what people know.

// newRecorder writes events until it is stopped. Those that say the same become one.
func newRecorder(client kubernetes.Interface, node string) (recorder record.EventRecorder, stop func()) {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	return broadcaster.NewRecorder(scheme.Scheme, corev1.EventSource{Component: "kubelet", Host: node}), broadcaster.Shutdown
}

// event tells people what happened to a container, or to the pod if it is nil. It
// may be called by any goroutine that has the pod.
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
