package agent

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

// epoch is the time at which the tests' pods begin.
var epoch = time.Date(2026, 1, 1, 12, 0, 0, 0, time.UTC)

// bed has a machine, the time, and the steps that it wanted.
type bed struct {
	*testing.T
	m    *machine
	now  time.Time
	wake time.Time
}

func newBed(t *testing.T, spec corev1.PodSpec) *bed {
	t.Helper()
	if spec.TerminationGracePeriodSeconds == nil {
		grace := int64(10)
		spec.TerminationGracePeriodSeconds = &grace
	}
	return &bed{T: t, now: epoch, m: newMachine(&spec, backoff{first: time.Second, most: 4 * time.Second})}
}

var verbs = map[verb]string{makeBox: "box", run: "run", preStop: "hook", terminate: "term", kill: "kill"}

// steps executes the machine's steps, at once and with success, and returns them: "run a,
// term b".
func (b *bed) steps() string {
	var out []string
	for range 20 {
		steps, wake := b.m.next(b.now)
		b.wake = wake
		if len(steps) == 0 {
			return strings.Join(out, ", ")
		}
		for _, s := range steps {
			name := ""
			switch s.do {
			case makeBox:
				b.m.boxed = true
			case run:
				s.container.ran(fmt.Sprint(s.container.runs), b.now)
				s.container.started = s.container.hooked && s.container.spec.StartupProbe == nil
			default:
			}
			if s.container != nil {
				name = " " + s.container.spec.Name
			}
			out = append(out, verbs[s.do]+name)
		}
	}
	b.Fatalf("it does not come to rest: %v", out)
	return ""
}

// expect compares the machine's current steps.
func (b *bed) expect(want string) {
	b.Helper()
	if diff := cmp.Diff(want, b.steps()); diff != "" {
		b.Errorf("after %v (-want +got):\n%s", b.now.Sub(epoch), diff)
	}
}

// expectWake compares its wake time, after the beginning.
func (b *bed) expectWake(want time.Duration) {
	b.Helper()
	if got := b.wake.Sub(epoch); got != want {
		b.Errorf("wakes after %v, want %v", got, want)
	}
}

func (b *bed) after(d time.Duration) { b.now = epoch.Add(d) }

func (b *bed) get(name string) *container {
	b.Helper()
	i := slices.IndexFunc(b.m.containers, func(c *container) bool { return c.spec.Name == name })
	if i < 0 {
		b.Fatalf("no container %s", name)
	}
	return b.m.containers[i]
}

func (b *bed) exit(name string, code int32) {
	b.Helper()
	b.get(name).exited(corev1.ContainerStateTerminated{ExitCode: code}, b.now)
}

func named(name string) corev1.Container { return corev1.Container{Name: name} }

func alwaysOn(c corev1.Container) corev1.Container {
	always := corev1.ContainerRestartPolicyAlways
	c.RestartPolicy = &always
	return c
}

func hookedOn(c corev1.Container) corev1.Container {
	sleep := &corev1.LifecycleHandler{Sleep: &corev1.SleepAction{Seconds: 1}}
	c.Lifecycle = &corev1.Lifecycle{PostStart: sleep, PreStop: sleep}
	return c
}

func TestInitContainers(t *testing.T) {
	t.Parallel()
	probed := alwaysOn(named("proxy"))
	probed.StartupProbe = &corev1.Probe{}
	b := newBed(t, corev1.PodSpec{
		InitContainers: []corev1.Container{named("first"), probed, named("last")},
		Containers:     []corev1.Container{named("a"), named("b")},
	})
	b.expect("box, run first")
	b.exit("first", 1)
	b.expect("run first")
	b.exit("first", 1)
	b.expect("")
	b.expectWake(time.Second)
	b.after(time.Second)
	b.expect("run first")
	b.exit("first", 0)
	b.expect("run proxy")
	b.expect("")
	b.get("proxy").started = true
	b.expect("run last")
	b.exit("last", 0)
	b.expect("run a, run b")
	// A sidecar that ends later is started again, and no container waits for it.
	b.exit("proxy", 0)
	b.exit("a", 0)
	b.expect("run proxy, run a")
}

func TestInitContainerFailsForGood(t *testing.T) {
	t.Parallel()
	b := newBed(t, corev1.PodSpec{
		RestartPolicy:  corev1.RestartPolicyNever,
		InitContainers: []corev1.Container{alwaysOn(named("proxy")), named("first")},
		Containers:     []corev1.Container{named("a")},
	})
	b.expect("box, run proxy, run first")
	b.exit("first", 1)
	b.expect("term proxy")
	b.exit("proxy", 0)
	b.expect("")
	if got := b.m.podPhase(); !b.m.over() || got != corev1.PodFailed {
		t.Errorf("over %v, phase %s", b.m.over(), got)
	}
}

func TestRestarts(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		policy corev1.RestartPolicy
		code   int32
		want   string
		phase  corev1.PodPhase
	}{
		{corev1.RestartPolicyAlways, 0, "run a", corev1.PodRunning},
		{corev1.RestartPolicyAlways, 1, "run a", corev1.PodRunning},
		{corev1.RestartPolicyOnFailure, 0, "", corev1.PodSucceeded},
		{corev1.RestartPolicyOnFailure, 1, "run a", corev1.PodRunning},
		{corev1.RestartPolicyNever, 0, "", corev1.PodSucceeded},
		{corev1.RestartPolicyNever, 1, "", corev1.PodFailed},
	} {
		t.Run(fmt.Sprint(test.policy, test.code), func(t *testing.T) {
			t.Parallel()
			b := newBed(t, corev1.PodSpec{RestartPolicy: test.policy, Containers: []corev1.Container{named("a")}})
			b.expect("box, run a")
			b.exit("a", test.code)
			b.expect(test.want)
			if got := b.m.podPhase(); got != test.phase {
				t.Errorf("phase %s, want %s", got, test.phase)
			}
		})
	}
}

// TestCompleted checks that the sidecars of a completed pod are stopped.
func TestCompleted(t *testing.T) {
	t.Parallel()
	b := newBed(t, corev1.PodSpec{
		RestartPolicy:  corev1.RestartPolicyNever,
		InitContainers: []corev1.Container{alwaysOn(named("one")), alwaysOn(named("two"))},
		Containers:     []corev1.Container{named("a"), named("b")},
	})
	b.expect("box, run one, run two, run a, run b")
	b.exit("a", 0)
	b.expect("")
	b.exit("b", 0)
	b.expect("term two")
	if b.m.over() {
		t.Error("over while sidecars run")
	}
	b.exit("two", 0)
	b.expect("term one")
	b.exit("one", 143)
	b.expect("")
	if got := b.m.podPhase(); !b.m.over() || got != corev1.PodSucceeded {
		t.Errorf("over %v, phase %s", b.m.over(), got)
	}
}

func TestPostStart(t *testing.T) {
	t.Parallel()
	b := newBed(t, corev1.PodSpec{Containers: []corev1.Container{hookedOn(named("a")), named("b")}})
	b.expect("box, run a")
	b.get("a").hooked = true
	b.expect("run b")
}

// TestEnd ends a pod with a hook, a sidecar and a container that ignores SIGTERM.
func TestEnd(t *testing.T) {
	t.Parallel()
	b := newBed(t, corev1.PodSpec{
		InitContainers: []corev1.Container{hookedOn(alwaysOn(named("proxy")))},
		Containers:     []corev1.Container{hookedOn(named("a")), named("deaf")},
	})
	b.expect("box, run proxy")
	b.get("proxy").hooked, b.get("proxy").started = true, true
	b.expect("run a")
	b.get("a").hooked = true
	b.expect("run deaf")
	b.after(5 * time.Second)
	b.m.end(10*time.Second, b.now)
	b.expect("hook proxy, hook a, term deaf")
	b.expectWake(15 * time.Second)
	// The sidecar's hook is over, but it must still wait for others.
	b.get("proxy").stop.hooked, b.get("a").stop.hooked = true, true
	b.expect("term a")
	b.exit("a", 0)
	b.after(15 * time.Second)
	// Its SIGTERM was late, so the sidecar gets a little time.
	b.expect("term proxy, kill deaf")
	b.exit("deaf", 137)
	b.expect("")
	b.expectWake(17 * time.Second)
	b.after(17 * time.Second)
	b.expect("kill proxy")
	b.expect("")
	b.exit("proxy", 137)
	if !b.m.over() {
		t.Error("not over")
	}
}

func TestEndSooner(t *testing.T) {
	t.Parallel()
	b := newBed(t, corev1.PodSpec{Containers: []corev1.Container{named("a")}})
	b.expect("box, run a")
	b.m.end(30*time.Second, b.now)
	b.expect("term a")
	b.expectWake(30 * time.Second)
	b.m.end(3*time.Second, b.now)
	b.expect("")
	b.expectWake(3 * time.Second)
	b.m.end(20*time.Second, b.now)
	b.expect("")
	b.expectWake(3 * time.Second)
	b.m.end(0, b.now)
	b.expect("kill a")
}

// TestHalt stops one container of several; it is started again.
func TestHalt(t *testing.T) {
	t.Parallel()
	b := newBed(t, corev1.PodSpec{
		InitContainers: []corev1.Container{alwaysOn(named("proxy"))},
		Containers:     []corev1.Container{hookedOn(named("a"))},
	})
	b.expect("box, run proxy, run a")
	b.m.halt(b.get("proxy"), time.Second, b.now)
	b.expect("term proxy")
	b.m.halt(b.get("a"), time.Second, b.now)
	b.expect("hook a")
	b.exit("proxy", 137)
	b.exit("a", 137)
	b.expect("run proxy, run a")
	// Requests to the previous run no longer apply.
	b.after(time.Minute)
	b.expect("")
}

func TestEndAtOnce(t *testing.T) {
	t.Parallel()
	b := newBed(t, corev1.PodSpec{Containers: []corev1.Container{named("a")}})
	b.expect("box, run a")
	b.m.end(0, b.now)
	b.expect("kill a")
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	b := newBed(t, corev1.PodSpec{RestartPolicy: corev1.RestartPolicyNever, Containers: []corev1.Container{named("a")}})
	b.m.deadline = epoch.Add(time.Minute)
	b.expect("box, run a")
	b.expectWake(time.Minute)
	b.after(time.Minute)
	b.expect("term a")
	b.exit("a", 0)
	if got := b.m.podPhase(); got != corev1.PodFailed {
		t.Errorf("phase %s", got)
	}
}

// TestFailed retries failed creations.
func TestFailed(t *testing.T) {
	t.Parallel()
	b := newBed(t, corev1.PodSpec{Containers: []corev1.Container{named("a")}})
	b.m.boxed = true
	for _, d := range []time.Duration{0, 1, 2, 4, 8, 12} {
		b.after(d * time.Second)
		steps, _ := b.m.next(b.now)
		if len(steps) != 1 || steps[0].do != run {
			t.Fatalf("after %v: %v", d*time.Second, steps)
		}
		b.get("a").failed("ErrImagePull", "no", b.now)
		if steps, _ := b.m.next(b.now); len(steps) > 0 {
			t.Fatalf("after %v, at once again: %v", d*time.Second, steps)
		}
	}
	if got := b.m.podPhase(); got != corev1.PodPending {
		t.Errorf("phase %s", got)
	}
}

func TestNoBox(t *testing.T) {
	t.Parallel()
	b := newBed(t, corev1.PodSpec{Containers: []corev1.Container{named("a")}})
	b.m.boxAt = epoch.Add(time.Second)
	b.expect("")
	b.expectWake(time.Second)
	b.after(time.Second)
	b.expect("box, run a")
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	b := backoff{first: time.Second, most: 4 * time.Second}
	for _, step := range []struct{ ended, want time.Duration }{
		{0, 0}, {1, 2}, {3, 5}, {6, 10}, {11, 15}, // it grows to 4 s
		{30, 30}, {31, 32}, // and is forgotten after 8 s
	} {
		if got := b.next(epoch.Add(step.ended * time.Second)); !got.Equal(epoch.Add(step.want * time.Second)) {
			t.Errorf("ended after %ds: again after %v, want %ds", step.ended, got.Sub(epoch), step.want)
		}
	}
}

func TestThreshold(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name             string
		success, failure int32
		results, want    string
	}{
		{"ones", 1, 1, "+-+--", "+-+-."},
		{"none is one", 0, 0, "+-", "+-"},
		{"three failures", 1, 3, "+--+---", "+..+..-"},
		{"two successes", 2, 1, "++-+-++", ".+-.-.+"},
		{"it never works", 1, 2, "---", ".-."},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			verdicts := threshold{success: test.success, failure: test.failure}
			got := ""
			for _, result := range test.results {
				verdict := "."
				if verdicts.add(result == '+') {
					verdict = string(result)
				}
				got += verdict
			}
			if got != test.want {
				t.Errorf("%s gives %s, want %s", test.results, got, test.want)
			}
		})
	}
}
