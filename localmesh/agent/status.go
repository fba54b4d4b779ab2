package agent

import (
	"fmt"
	"net/netip"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// place is the location of a running pod.
type place struct {
	pod, host netip.Addr
}

// status returns the status to write for a pod. It keeps others' fields, such as the
// conditions of readiness gates.
func (m *machine) status(pod *corev1.Pod, at place, now metav1.Time) corev1.PodStatus {
	status := *pod.Status.DeepCopy()
	status.ObservedGeneration = pod.Generation
	status.Phase = m.podPhase()
	if m.expired {
		status.Reason, status.Message = "DeadlineExceeded", "Pod was active on the node longer than the specified deadline"
	}
	if status.StartTime == nil {
		status.StartTime = &now
	}
	status.HostIP = at.host.String()
	status.HostIPs = []corev1.HostIP{{IP: status.HostIP}}
	if m.boxed || m.over() && at.pod.IsValid() {
		status.PodIP = at.pod.String()
		status.PodIPs = []corev1.PodIP{{IP: status.PodIP}}
	}
	status.InitContainerStatuses, status.ContainerStatuses = nil, nil
	for _, c := range m.containers {
		stopped := m.ending || m.complete
		if c.role == regular {
			status.ContainerStatuses = append(status.ContainerStatuses, c.status(pod.Name, stopped))
		} else {
			status.InitContainerStatuses = append(status.InitContainerStatuses, c.status(pod.Name, stopped))
		}
	}
	for _, condition := range m.conditions(pod, status.Phase) {
		setCondition(&status, condition, now)
	}
	return status
}

// podPhase summarizes the containers, as a kubelet does.
func (m *machine) podPhase() corev1.PodPhase {
	var unstarted, failed int
	for _, c := range m.containers {
		switch {
		case c.role == initial && !m.initialized && c.phase == ended && c.end.ExitCode != 0 && m.over():
			return corev1.PodFailed
		case c.role == regular && c.runs == 0:
			unstarted++
		case c.role == regular && c.phase == ended && c.end.ExitCode != 0:
			failed++
		}
	}
	switch {
	case m.over() && (failed > 0 || m.expired), m.over() && unstarted > 0 && m.boxed:
		return corev1.PodFailed
	case unstarted > 0, !m.initialized:
		return corev1.PodPending
	case m.over():
		return corev1.PodSucceeded
	default:
		return corev1.PodRunning
	}
}

// conditions are the conditions that a kubelet sets.
func (m *machine) conditions(pod *corev1.Pod, phase corev1.PodPhase) []corev1.PodCondition {
	scheduled := corev1.PodCondition{Type: corev1.PodScheduled, Status: corev1.ConditionTrue}
	box := condition(corev1.PodReadyToStartContainers, !m.boxed, "", "")
	initialized := condition(corev1.PodInitialized, !m.initialized, "ContainersNotInitialized",
		fmt.Sprintf("containers with incomplete status: [%s]", strings.Join(m.incomplete(), " ")))
	unready := m.unready()
	containers := condition(corev1.ContainersReady, len(unready) > 0 || !m.initialized, "ContainersNotReady",
		fmt.Sprintf("containers with unready status: [%s]", strings.Join(unready, " ")))
	switch phase {
	case corev1.PodSucceeded:
		initialized.Reason = "PodCompleted"
		containers = condition(corev1.ContainersReady, true, "PodCompleted", "")
	case corev1.PodFailed:
		containers = condition(corev1.ContainersReady, true, "PodFailed", "")
	default:
	}
	ready := containers
	ready.Type = corev1.PodReady
	if gates := closedGates(pod); ready.Status == corev1.ConditionTrue && len(gates) > 0 {
		ready = condition(corev1.PodReady, true, "ReadinessGatesNotReady", strings.Join(gates, ", "))
	}
	return []corev1.PodCondition{scheduled, box, initialized, containers, ready}
}

// condition is true, or false for a reason.
func condition(kind corev1.PodConditionType, not bool, reason, message string) corev1.PodCondition {
	if not {
		return corev1.PodCondition{Type: kind, Status: corev1.ConditionFalse, Reason: reason, Message: message}
	}
	return corev1.PodCondition{Type: kind, Status: corev1.ConditionTrue}
}

// incomplete lists the init containers that regular ones wait for.
func (m *machine) incomplete() []string {
	var names []string
	for _, c := range m.containers {
		if c.role == initial && !c.ready() || c.role == sidecar && !c.started {
			names = append(names, c.spec.Name)
		}
	}
	return names
}

// unready lists the containers that keep a pod from being ready.
func (m *machine) unready() []string {
	var names []string
	for _, c := range m.containers {
		if c.role != initial && !c.ready() {
			names = append(names, c.spec.Name)
		}
	}
	return names
}

// closedGates lists the readiness gates that are not true.
func closedGates(pod *corev1.Pod) []string {
	var out []string
	for _, gate := range pod.Spec.ReadinessGates {
		found := findCondition(&pod.Status, gate.ConditionType)
		switch {
		case found == nil:
			out = append(out, fmt.Sprintf("corresponding condition of pod readiness gate %q does not exist.", gate.ConditionType))
		case found.Status != corev1.ConditionTrue:
			out = append(out, fmt.Sprintf("the status of pod readiness gate %q is not \"True\", but %v", gate.ConditionType, found.Status))
		}
	}
	return out
}

func findCondition(status *corev1.PodStatus, kind corev1.PodConditionType) *corev1.PodCondition {
	for i := range status.Conditions {
		if status.Conditions[i].Type == kind {
			return &status.Conditions[i]
		}
	}
	return nil
}

// setCondition replaces a condition; its time changes only with its status.
func setCondition(status *corev1.PodStatus, condition corev1.PodCondition, now metav1.Time) {
	condition.LastTransitionTime = now
	old := findCondition(status, condition.Type)
	if old == nil {
		status.Conditions = append(status.Conditions, condition)
		return
	}
	if old.Status == condition.Status {
		condition.LastTransitionTime = old.LastTransitionTime
	}
	condition.LastProbeTime, condition.ObservedGeneration = old.LastProbeTime, old.ObservedGeneration
	*old = condition
}
