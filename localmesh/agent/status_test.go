package agent

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

var here = place{pod: netip.MustParseAddr("10.244.1.1"), host: netip.MustParseAddr("10.244.0.1")}

// summary has the parts that people read: the phase, the containers' states, and the
// conditions that are not true.
func summary(status corev1.PodStatus) string {
	out := []string{string(status.Phase)}
	for _, s := range append(status.InitContainerStatuses, status.ContainerStatuses...) {
		state := "running"
		switch {
		case s.State.Waiting != nil:
			state = s.State.Waiting.Reason
		case s.State.Terminated != nil:
			state = s.State.Terminated.Reason
		}
		if s.LastTerminationState.Terminated != nil {
			state += "<" + s.LastTerminationState.Terminated.Reason
		}
		if s.Ready {
			state += "!"
		}
		out = append(out, s.Name+":"+state)
	}
	for _, c := range status.Conditions {
		if c.Status != corev1.ConditionTrue {
			out = append(out, strings.TrimSpace("-"+string(c.Type)+" "+c.Reason))
		}
	}
	return strings.Join(out, " ")
}

func TestStatus(t *testing.T) {
	t.Parallel()
	probed := named("a")
	probed.ReadinessProbe = &corev1.Probe{}
	pod := corev1.PodSpec{
		InitContainers: []corev1.Container{named("first"), alwaysOn(named("proxy"))},
		Containers:     []corev1.Container{probed},
	}
	for _, test := range []struct {
		name string
		do   func(b *bed)
		want string
	}{
		{"new", func(*bed) {}, "Pending first:PodInitializing proxy:PodInitializing a:PodInitializing " +
			"-PodReadyToStartContainers -Initialized ContainersNotInitialized -ContainersReady ContainersNotReady -Ready ContainersNotReady"},
		{"initial", func(b *bed) { b.steps() }, "Pending first:running proxy:PodInitializing a:PodInitializing " +
			"-Initialized ContainersNotInitialized -ContainersReady ContainersNotReady -Ready ContainersNotReady"},
		{"initial fails", func(b *bed) {
			for range 2 {
				b.steps()
				b.exit("first", 1)
			}
			b.steps()
		}, "Pending first:CrashLoopBackOff<Error proxy:PodInitializing a:PodInitializing " +
			"-Initialized ContainersNotInitialized -ContainersReady ContainersNotReady -Ready ContainersNotReady"},
		{"running", func(b *bed) { b.runAll() }, "Running first:Completed! proxy:running! a:running " +
			"-ContainersReady ContainersNotReady -Ready ContainersNotReady"},
		{"ready", func(b *bed) { b.runAll(); b.get("a").passing = true }, "Running first:Completed! proxy:running! a:running!"},
		{"the sidecar fails", func(b *bed) {
			b.runAll()
			b.get("a").passing = true
			b.exit("proxy", 1)
			b.steps()
			b.exit("proxy", 1)
			b.steps()
		}, "Running first:Completed! proxy:CrashLoopBackOff<Error a:running! " +
			"-ContainersReady ContainersNotReady -Ready ContainersNotReady"},
		// A kubelet lets the readiness probe decide until the end.
		{"ending", func(b *bed) {
			b.runAll()
			b.get("a").passing = true
			b.m.end(time.Minute, b.now)
			b.steps()
		}, "Running first:Completed! proxy:running! a:running!"},
		{"ended", func(b *bed) {
			b.runAll()
			b.m.end(time.Minute, b.now)
			b.exit("a", 0)
			b.exit("proxy", 0)
			b.steps()
		}, "Succeeded first:Completed! proxy:Completed a:Completed -ContainersReady PodCompleted -Ready PodCompleted"},
		{"ended badly", func(b *bed) {
			b.runAll()
			b.m.end(time.Minute, b.now)
			b.exit("a", 137)
			b.exit("proxy", 0)
			b.steps()
		}, "Failed first:Completed! proxy:Completed a:Error -ContainersReady PodFailed -Ready PodFailed"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBed(t, pod)
			test.do(b)
			got := b.m.status(&corev1.Pod{Spec: pod}, here, metav1.NewTime(b.now))
			if diff := cmp.Diff(test.want, summary(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// runAll starts the containers of TestStatus.
func (b *bed) runAll() {
	b.Helper()
	b.steps()
	b.exit("first", 0)
	b.steps()
}

// TestStatusKeeps checks that others' fields, and times, are kept.
func TestStatusKeeps(t *testing.T) {
	t.Parallel()
	spec := corev1.PodSpec{Containers: []corev1.Container{named("a")}, ReadinessGates: []corev1.PodReadinessGate{{ConditionType: "gate"}}}
	b := newBed(t, spec)
	b.steps()
	gate := corev1.PodCondition{Type: "gate", Status: corev1.ConditionFalse, Message: "theirs"}
	pod := &corev1.Pod{Spec: spec, Status: corev1.PodStatus{QOSClass: corev1.PodQOSBurstable, Conditions: []corev1.PodCondition{gate}}}
	first := b.m.status(pod, here, metav1.NewTime(epoch))
	if got := summary(first); got != "Running a:running! -gate -Ready ReadinessGatesNotReady" {
		t.Error(got)
	}
	if len(pod.Status.Conditions) != 1 {
		t.Error("the input was changed")
	}
	pod.Status = first
	pod.Status.Conditions[0].Status = corev1.ConditionTrue
	later := metav1.NewTime(epoch.Add(time.Minute))
	second := b.m.status(pod, here, later)
	if got := summary(second); got != "Running a:running!" {
		t.Error(got)
	}
	if ready, scheduled := findCondition(&second, corev1.PodReady), findCondition(&second, corev1.PodScheduled); !ready.LastTransitionTime.Equal(&later) ||
		scheduled.LastTransitionTime.Time != epoch || second.StartTime.Time != epoch || second.QOSClass != corev1.PodQOSBurstable ||
		findCondition(&second, "gate").Message != "theirs" {
		t.Errorf("%+v", second)
	}
	// Nothing has changed, so there is nothing to write.
	pod.Status = second
	if diff := cmp.Diff(second, b.m.status(pod, here, metav1.NewTime(epoch.Add(time.Hour)))); diff != "" {
		t.Errorf("it changes by itself (-want +got):\n%s", diff)
	}
}

func TestStatusPatch(t *testing.T) {
	t.Parallel()
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{UID: "u1"},
		Status:     corev1.PodStatus{Phase: corev1.PodPending, Conditions: []corev1.PodCondition{{Type: "theirs", Status: corev1.ConditionTrue}}},
	}
	status := *pod.Status.DeepCopy()
	status.Phase = corev1.PodRunning
	got, err := statusPatch(pod, status)
	if err != nil {
		t.Fatal(err)
	}
	if want := `{"metadata":{"uid":"u1"},"status":{"phase":"Running"}}`; string(got) != want {
		t.Errorf("%s, want %s", got, want)
	}
}
