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

// Condition is the condition that pods with the gate wait for: that ordinary
// traffic is pinned, and not to them.
const Condition corev1.PodConditionType = "overrides.mesh/pinned"

// newPod is the name under which a pod that has none yet is looked at. No pod has
// it, since it is no DNS name.
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

// Waits reports whether pod has a gate that is shut.
func Waits(pod *corev1.Pod) bool { return Has(pod) && !IsOpen(pod) }

// Wanted reports whether pod, which is about to be made at a time, is to have the
// gate: whether ordinary traffic to a Service that selects it is pinned to others,
// or will be once the pod is there. Objects are those of its namespace, at least.
func Wanted(objects *discover.Objects, options model.Options, pod *corev1.Pod, now time.Time) bool {
	if Has(pod) || pod.Annotations[corev1.MirrorPodAnnotationKey] != "" {
		return false
	}
	around := near(objects, pod)
	if len(around.Services) == 0 {
		return false
	}
	around.Pods = append(around.Pods, discover.TrimPod(stub(pod, now)))
	snapshot, _ := around.Snapshot(options)
	return PinnedAway(compile.Compile(snapshot).Services, pod.Namespace, discover.LabelsOf(pod.Labels))
}

// PinnedAway reports whether ordinary traffic to one of services is to be kept
// from pods of a namespace with labels.
func PinnedAway(services []compile.Service, namespace string, labels *discover.Labels) bool {
	return slices.ContainsFunc(services, func(s compile.Service) bool {
		return s.Namespace == namespace && slices.ContainsFunc(s.Apart(), func(b model.Backend) bool { return maps.Equal(b.Labels, labels.Kept) })
	})
}

// near are the objects that say whether pod is released: Services that select it,
// the pods that these select, the workloads and policies of the namespace, and what our
// own objects say was released.
func near(all *discover.Objects, pod *corev1.Pod) *discover.Objects {
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

// stub is what of a pod that is about to be made says what it is. Without a time it
// would seem to have been there before all others.
func stub(pod *corev1.Pod, now time.Time) *corev1.Pod {
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: pod.Namespace, Name: newPod, Labels: pod.Labels, OwnerReferences: pod.OwnerReferences,
		CreationTimestamp: metav1.NewTime(now),
	}}
}
