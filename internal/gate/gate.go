package gate

import (
	"maps"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Condition is the condition that gated pods wait for: ordinary traffic is pinned to other
// pods.
const Condition corev1.PodConditionType = "overrides.mesh/pinned"

// newPod replaces the name of a pod that has none yet. It is not a DNS name, so no pod has it.
const newPod = "/"

// Has reports whether pod has the gate.
func Has(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Spec.ReadinessGates, func(g corev1.PodReadinessGate) bool { return g.ConditionType == Condition })
}

// IsOpen reports whether the gate of pod, if it has one, is open.
func IsOpen(pod *corev1.Pod) bool {
	return slices.ContainsFunc(pod.Status.Conditions, func(c corev1.PodCondition) bool {
		return c.Type == Condition && c.Status == corev1.ConditionTrue
	})
}

// Waits reports whether pod has a gate, and the gate is shut.
func Waits(pod *corev1.Pod) bool { return Has(pod) && !IsOpen(pod) }

// Wanted reports whether pod, which is being created now, needs the gate: ordinary traffic
// of a Service that selects it is pinned to other pods, or will be once the pod exists.
// objects are at least those of its namespace.
func Wanted(objects *discover.Objects, options model.Options, pod *corev1.Pod, now time.Time) bool {
	if Has(pod) || pod.Annotations[corev1.MirrorPodAnnotationKey] != "" {
		return false
	}
	around := nearby(objects, pod)
	if len(around.Services) == 0 {
		return false
	}
	around.Pods = append(around.Pods, discover.TrimPod(stub(pod, now)))
	snapshot, _ := around.Snapshot(options)
	return PinnedAway(compile.Compile(snapshot).Services, pod.Namespace, discover.LabelsOf(pod.Labels))
}

// PinnedAway reports whether one of the services pins ordinary traffic away from pods of a
// namespace with some labels.
func PinnedAway(services []compile.Service, namespace string, labels *discover.Labels) bool {
	return slices.ContainsFunc(services, func(s compile.Service) bool {
		return s.Namespace == namespace && slices.ContainsFunc(s.Apart(), func(b model.Backend) bool { return maps.Equal(b.Labels, labels.Kept) })
	})
}

// nearby returns the objects that determine whether pod is released: the Services that
// select it, the pods that these select, and the workloads, policies and generated objects
// of the namespace.
func nearby(all *discover.Objects, pod *corev1.Pod) *discover.Objects {
	out := &discover.Objects{
		Cluster:   true,
		Services:  within(all.Services, pod.Namespace),
		Workloads: within(all.Workloads, pod.Namespace),
		Policies:  within(all.Policies, pod.Namespace),
		Written:   within(all.Written, pod.Namespace),
	}
	out.Services = slices.DeleteFunc(out.Services, func(s *corev1.Service) bool { return !selects(s, pod.Labels) })
	for _, p := range all.Pods {
		if p.Namespace == pod.Namespace && slices.ContainsFunc(out.Services, func(s *corev1.Service) bool { return selects(s, p.Labels.All) }) {
			out.Pods = append(out.Pods, p)
		}
	}
	for _, e := range all.EndpointSlices {
		if e.Namespace == pod.Namespace {
			out.EndpointSlices = append(out.EndpointSlices, e)
		}
	}
	return out
}

func selects(s *corev1.Service, labels map[string]string) bool {
	return len(s.Spec.Selector) > 0 && model.HasLabels(labels, s.Spec.Selector)
}

func within[T discover.Object](all []T, namespace string) []T {
	var out []T
	for _, object := range all {
		if object.GetNamespace() == namespace {
			out = append(out, object)
		}
	}
	return out
}

// stub returns the parts of a new pod that determine whether it is released. Without a
// creation time it would seem older than all others.
func stub(pod *corev1.Pod, now time.Time) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: pod.Namespace, Name: newPod, Labels: pod.Labels, OwnerReferences: pod.OwnerReferences,
		CreationTimestamp: metav1.NewTime(now),
	}}
}
