package agent

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	policyv1 "k8s.io/api/policy/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/client-go/kubernetes"
)

// bench creates pods for a test.
type bench struct {
	*testing.T
	client    kubernetes.Interface
	namespace string
	// dir is the folder of programs' events and files.
	dir string
}

func newBench(t *testing.T) *bench {
	t.Helper()
	client := node(t)
	return &bench{T: t, client: client, namespace: namespace(t, client), dir: t.TempDir()}
}

// app is a container that serves until it is terminated.
func (b *bench) app(name string, args ...string) corev1.Container {
	c := corev1.Container{
		Name: name, Image: "app",
		Env: []corev1.EnvVar{{Name: "NAME", Value: name}, {Name: "DIR", Value: b.dir}},
	}
	if len(args) > 0 {
		c.Args = append([]string{"container"}, args...)
	}
	return c
}

// listening makes a container's program listen.
func listening(c corev1.Container) corev1.Container {
	c.Ports = []corev1.ContainerPort{{Name: "web", ContainerPort: 8080}}
	c.Env = append(c.Env, corev1.EnvVar{Name: "IP", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "status.podIP"}}})
	return c
}

// asking is a probe that succeeds if a file exists.
func asking(name string) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/" + name, Port: intstr.FromString("web")}},
		PeriodSeconds: 1, FailureThreshold: 1,
	}
}

func (b *bench) create(name string, spec corev1.PodSpec) {
	b.Helper()
	if spec.TerminationGracePeriodSeconds == nil {
		grace := int64(30)
		spec.TerminationGracePeriodSeconds = &grace
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}}, Spec: spec}
	if _, err := b.client.CoreV1().Pods(b.namespace).Create(b.Context(), pod, metav1.CreateOptions{}); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() {
		if b.Failed() {
			b.Logf("events:\n%s", b.events())
		}
	})
}

func (b *bench) pod(name string) *corev1.Pod {
	b.Helper()
	pod, err := b.client.CoreV1().Pods(b.namespace).Get(b.Context(), name, metav1.GetOptions{})
	if err != nil {
		b.Fatal(err)
	}
	return pod
}

// until waits for a state of a pod.
func (b *bench) until(name, what string, condition func(pod *corev1.Pod) bool) *corev1.Pod {
	b.Helper()
	var pod *corev1.Pod
	defer func() {
		if b.Failed() && pod != nil {
			b.Logf("status: %+v", pod.Status)
		}
	}()
	eventually(b.T, what, func() bool {
		pod = b.pod(name)
		return condition(pod)
	})
	return pod
}

func (b *bench) gone(name string) {
	b.Helper()
	eventually(b.T, name+" is gone", func() bool {
		_, err := b.client.CoreV1().Pods(b.namespace).Get(b.Context(), name, metav1.GetOptions{})
		return apierrors.IsNotFound(err)
	})
}

func (b *bench) delete(name string, options metav1.DeleteOptions) {
	b.Helper()
	if err := b.client.CoreV1().Pods(b.namespace).Delete(b.Context(), name, options); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) write(name string) {
	b.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), nil, 0o600); err != nil {
		b.Fatal(err)
	}
}

func (b *bench) events() string {
	b.Helper()
	data, err := os.ReadFile(filepath.Join(b.dir, "events"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		b.Fatal(err)
	}
	return string(data)
}

func isReady(pod *corev1.Pod) bool {
	found := findCondition(&pod.Status, corev1.PodReady)
	return found != nil && found.Status == corev1.ConditionTrue
}

func waitingFor(reason string) func(*corev1.Pod) bool {
	return func(pod *corev1.Pod) bool {
		return slices.ContainsFunc(pod.Status.ContainerStatuses, func(s corev1.ContainerStatus) bool {
			return s.State.Waiting != nil && s.State.Waiting.Reason == reason
		})
	}
}

// TestReady checks that a pod follows its readiness probe in both directions.
func TestReady(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := listening(b.app("main"))
	c.ReadinessProbe = asking("ready")
	b.create("web", corev1.PodSpec{Containers: []corev1.Container{c}})
	pod := b.until("web", "it runs", func(pod *corev1.Pod) bool { return pod.Status.Phase == corev1.PodRunning })
	if isReady(pod) || pod.Status.PodIP == "" || pod.Status.HostIP != "127.0.0.1" || pod.Spec.NodeName != "local" {
		t.Errorf("ready too early, or without addresses: %+v", pod.Status)
	}
	b.write("ready")
	pod = b.until("web", "it is ready", isReady)
	status := pod.Status.ContainerStatuses[0]
	if !status.Ready || status.Started == nil || !*status.Started || status.State.Running == nil || status.ContainerID == "" || status.RestartCount != 0 {
		t.Errorf("status of the container: %+v", status)
	}
	if err := os.Remove(filepath.Join(b.dir, "ready")); err != nil {
		t.Fatal(err)
	}
	b.until("web", "it is not ready any more", func(pod *corev1.Pod) bool { return !isReady(pod) })
	log, err := os.ReadFile(filepath.Join(shared.logs, b.namespace+"_web_"+string(pod.UID), "main", "0.log"))
	if err != nil || !strings.Contains(string(log), "serving") || !strings.Contains(string(log), "IP="+pod.Status.PodIP) ||
		!strings.Contains(string(log), "KUBERNETES_SERVICE_HOST=10.96.0.1") || !strings.Contains(string(log), "HOSTNAME=web") {
		t.Errorf("log: %q, %v", log, err)
	}
}

func TestRestartPolicies(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	for _, test := range []struct {
		name   string
		policy corev1.RestartPolicy
		args   []string
		want   func(pod *corev1.Pod) bool
	}{
		{"never-0", corev1.RestartPolicyNever, []string{"exit", "0"}, func(pod *corev1.Pod) bool {
			return pod.Status.Phase == corev1.PodSucceeded && pod.Status.ContainerStatuses[0].State.Terminated.Reason == "Completed"
		}},
		{"never-3", corev1.RestartPolicyNever, []string{"exit", "3"}, func(pod *corev1.Pod) bool {
			return pod.Status.Phase == corev1.PodFailed && pod.Status.ContainerStatuses[0].State.Terminated.ExitCode == 3
		}},
		{"on-failure", corev1.RestartPolicyOnFailure, []string{"fail-until", filepath.Join(b.dir, "later")}, func(pod *corev1.Pod) bool {
			return pod.Status.Phase == corev1.PodSucceeded && pod.Status.ContainerStatuses[0].RestartCount >= 2
		}},
		{"always", corev1.RestartPolicyAlways, []string{"exit", "4"}, func(pod *corev1.Pod) bool {
			s := pod.Status.ContainerStatuses[0]
			return pod.Status.Phase == corev1.PodRunning && s.RestartCount >= 3 && s.LastTerminationState.Terminated.ExitCode == 4 &&
				waitingFor("CrashLoopBackOff")(pod)
		}},
		{"no-program", corev1.RestartPolicyNever, nil, func(pod *corev1.Pod) bool {
			s := pod.Status.ContainerStatuses[0].State.Terminated
			return pod.Status.Phase == corev1.PodFailed && s.Reason == "StartError" && s.ExitCode == 128
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := &bench{T: t, client: b.client, namespace: b.namespace, dir: b.dir}
			c := b.app("main", test.args...)
			if test.args == nil {
				c.Command = []string{"/no/such/program"}
			}
			b.create(test.name, corev1.PodSpec{RestartPolicy: test.policy, Containers: []corev1.Container{c}})
			if test.policy == corev1.RestartPolicyOnFailure {
				b.until(test.name, "it was tried again", func(pod *corev1.Pod) bool {
					return len(pod.Status.ContainerStatuses) > 0 && pod.Status.ContainerStatuses[0].RestartCount >= 2
				})
				b.write("later")
			}
			b.until(test.name, "it ends as it should", func(pod *corev1.Pod) bool {
				return len(pod.Status.ContainerStatuses) > 0 && pod.Status.Phase != corev1.PodPending && test.want(pod)
			})
			b.delete(test.name, metav1.DeleteOptions{})
			b.gone(test.name)
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	c := b.app("main")
	c.Image = "nothing:v1"
	b.create("image", corev1.PodSpec{Containers: []corev1.Container{c}})
	b.until("image", "ImagePullBackOff", waitingFor("ImagePullBackOff"))

	c = b.app("main")
	c.Env = append(c.Env, corev1.EnvVar{Name: "GREETING", ValueFrom: &corev1.EnvVarSource{ConfigMapKeyRef: &corev1.ConfigMapKeySelector{
		LocalObjectReference: corev1.LocalObjectReference{Name: "words"}, Key: "greeting",
	}}})
	b.create("config", corev1.PodSpec{Containers: []corev1.Container{c}})
	b.until("config", "CreateContainerConfigError", waitingFor("CreateContainerConfigError"))
	words := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "words"}, Data: map[string]string{"greeting": "hello"}}
	if _, err := b.client.CoreV1().ConfigMaps(b.namespace).Create(t.Context(), words, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	b.until("config", "it is ready", isReady)
}

// TestOrder compares the order of containers with the events that they wrote.
func TestOrder(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	always := corev1.ContainerRestartPolicyAlways
	first, second := listening(b.app("sidecar-1")), b.app("sidecar-2")
	first.RestartPolicy, second.RestartPolicy = &always, &always
	first.StartupProbe = asking("started")
	first.StartupProbe.FailureThreshold = 1000
	hooked := b.app("main")
	hooked.Lifecycle = &corev1.Lifecycle{
		PreStop: &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: []string{"env", "NAME=hook", os.Args[0], "container", "exit", "0"}}},
	}
	b.create("web", corev1.PodSpec{
		InitContainers: []corev1.Container{b.app("init-1", "exit", "0"), first, b.app("init-2", "touch", filepath.Join(b.dir, "2")), second},
		Containers:     []corev1.Container{hooked},
	})
	pod := b.until("web", "its first sidecar runs", func(pod *corev1.Pod) bool {
		return len(pod.Status.InitContainerStatuses) == 4 && pod.Status.InitContainerStatuses[1].State.Running != nil
	})
	if s := pod.Status.InitContainerStatuses[2]; pod.Status.Phase != corev1.PodPending || s.State.Waiting == nil || s.State.Waiting.Reason != "PodInitializing" {
		t.Errorf("while the first sidecar has not started: %s, %+v", pod.Status.Phase, s)
	}
	b.write("started")
	b.until("web", "it is ready", isReady)
	eventually(t, "all have started", func() bool {
		return strings.Contains(b.events(), "main start\n") && strings.Contains(b.events(), "sidecar-2 start\n")
	})
	b.delete("web", metav1.DeleteOptions{})
	b.gone("web")
	// The second sidecar has no startup probe, so nothing waits for it.
	got := strings.Replace(b.events(), "sidecar-2 start\n", "", 1)
	want := "init-1 start\nsidecar-1 start\ninit-2 start\nmain start\n" +
		"hook start\nmain stop\nsidecar-2 stop\nsidecar-1 stop\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

// TestEndings deletes pods in all ways, and checks that their programs end.
func TestEndings(t *testing.T) {
	t.Parallel()
	one, zero := int64(1), int64(0)
	for _, test := range []struct {
		name string
		end  func(b *bench, name string)
		want string
	}{
		{"deleted", func(b *bench, name string) { b.delete(name, metav1.DeleteOptions{}) }, "main start\nmain stop\n"},
		{"stubborn", func(b *bench, name string) {
			b.write("stubborn")
			b.delete(name, metav1.DeleteOptions{GracePeriodSeconds: &one})
		}, "main start\nmain stop\n"},
		{"forced", func(b *bench, name string) { b.delete(name, metav1.DeleteOptions{GracePeriodSeconds: &zero}) }, "main start\n"},
		{"evicted", func(b *bench, name string) {
			eviction := &policyv1.Eviction{ObjectMeta: metav1.ObjectMeta{Name: name}}
			if err := b.client.CoreV1().Pods(b.namespace).EvictV1(b.Context(), eviction); err != nil {
				b.Fatal(err)
			}
		}, "main start\nmain stop\n"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t)
			b.create("web", corev1.PodSpec{Containers: []corev1.Container{listening(b.app("main"))}})
			pod := b.until("web", "it is ready", isReady)
			box := &hostSandbox{}
			answers := func() bool {
				return dialTCP(t.Context(), box, place{}, nil, &corev1.TCPSocketAction{Host: pod.Status.PodIP, Port: intstr.FromInt32(8080)}) == nil
			}
			eventually(t, "it answers", answers)
			test.end(b, "web")
			b.gone("web")
			eventually(t, "its program is dead", func() bool { return !answers() })
			if diff := cmp.Diff(test.want, b.events()); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadinessGate(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.create("web", corev1.PodSpec{
		Containers:     []corev1.Container{b.app("main")},
		ReadinessGates: []corev1.PodReadinessGate{{ConditionType: "example.com/in"}},
	})
	pod := b.until("web", "its containers are ready", func(pod *corev1.Pod) bool {
		found := findCondition(&pod.Status, corev1.ContainersReady)
		return found != nil && found.Status == corev1.ConditionTrue
	})
	if found := findCondition(&pod.Status, corev1.PodReady); found.Status != corev1.ConditionFalse || found.Reason != "ReadinessGatesNotReady" {
		t.Errorf("while the gate is closed: %+v", found)
	}
	patch := []byte(`{"status":{"conditions":[{"type":"example.com/in","status":"True"}]}}`)
	if _, err := b.client.CoreV1().Pods(b.namespace).Patch(t.Context(), "web", types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
		t.Fatal(err)
	}
	pod = b.until("web", "it is ready", isReady)
	if findCondition(&pod.Status, "example.com/in") == nil {
		t.Error("the agent lost a condition that is another's")
	}
}

func TestLiveness(t *testing.T) {
	t.Parallel()
	b := newBench(t)
	b.write("alive")
	c := listening(b.app("main"))
	c.LivenessProbe = asking("alive")
	c.LivenessProbe.FailureThreshold = 3
	b.create("web", corev1.PodSpec{Containers: []corev1.Container{c}})
	b.until("web", "it is ready", isReady)
	if err := os.Remove(filepath.Join(b.dir, "alive")); err != nil {
		t.Fatal(err)
	}
	b.until("web", "it was started again", func(pod *corev1.Pod) bool {
		return pod.Status.ContainerStatuses[0].RestartCount > 0
	})
	b.write("alive")
	b.until("web", "it is ready", isReady)
	eventually(t, "people are told", func() bool {
		events, err := b.client.CoreV1().Events(b.namespace).List(t.Context(), metav1.ListOptions{FieldSelector: "involvedObject.name=web"})
		if err != nil {
			t.Fatal(err)
		}
		told := map[string]bool{}
		for _, event := range events.Items {
			told[event.Reason+" "+event.InvolvedObject.FieldPath] = true
		}
		const of = " spec.containers{main}"
		return told["Started"+of] && told["Unhealthy"+of] && told["Killing"+of]
	})
	eventually(t, "it was stopped and started", func() bool { return strings.HasPrefix(b.events(), "main start\nmain stop\nmain start\n") })
}
