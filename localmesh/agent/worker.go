package agent

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/resourceversion"
	"k8s.io/apimachinery/pkg/util/strategicpatch"

	"github.com/overrides-mesh/overrides/localmesh/dns"
)

// writeRetry is the delay after a failed write to the API server.
const writeRetry = 500 * time.Millisecond

// worker runs one pod. Only its loop may call its methods, except update and post.
type worker struct {
	agent *agent
	log   *slog.Logger

	mu sync.Mutex
	// latest is the pod's newest state; nil once the loop has taken it.
	latest  *corev1.Pod
	changed chan struct{}
	// inbox has events for the machine, which the loop reports to it.
	inbox chan func()
	done  chan struct{}

	pod     *corev1.Pod
	machine *machine
	at      place
	// held says that the pod's address is taken.
	held bool
	box  Sandbox
	runs map[*container]*execution
	// finished says that the pod had ended before this worker started: it is only
	// removed.
	finished, removed bool
}

// execution is one run of a container.
type execution struct {
	process Process
	// env is the program's environment.
	env    []string
	cancel context.CancelFunc
	// drained says that its proxy already takes no new connections.
	drained bool
}

func newWorker(a *agent, pod *corev1.Pod) *worker {
	w := &worker{
		agent:   a,
		log:     a.options.Log.With("pod", pod.Namespace+"/"+pod.Name),
		changed: make(chan struct{}, 1),
		inbox:   make(chan func()),
		done:    make(chan struct{}),
		pod:     pod,
		machine: newMachine(&pod.Spec, backoff{first: a.options.Restart, most: a.options.RestartMax}),
		at:      place{host: a.options.DNS},
		runs:    map[*container]*execution{},
	}
	w.finished = pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed
	w.machine.complete = w.finished
	if seconds := pod.Spec.ActiveDeadlineSeconds; seconds != nil {
		w.machine.deadline = time.Now().Add(time.Duration(*seconds) * time.Second)
	}
	w.update(pod)
	return w
}

// update gives the worker its pod's new state, without waiting.
func (w *worker) update(pod *corev1.Pod) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.latest = pod
	select {
	case w.changed <- struct{}{}:
	default:
	}
}

// post makes the loop call what, unless it has ended.
func (w *worker) post(what func()) {
	select {
	case w.inbox <- what:
	case <-w.done:
	}
}

// loop runs the pod until ctx ends, when its object has been deleted.
func (w *worker) loop(ctx context.Context) {
	defer close(w.done)
	defer func() {
		if err := w.closeBox(); err != nil {
			w.log.Error("a sandbox is left over", "error", err)
		}
	}()
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-w.changed:
			w.take()
		case what := <-w.inbox:
			what()
		case <-timer.C:
		}
		if wake := w.settle(ctx); !wake.IsZero() {
			timer.Reset(max(time.Until(wake), 0))
		} else {
			timer.Stop()
		}
	}
}

// take reads the pod's newest state. The API server's answer to a write may be newer.
func (w *worker) take() {
	w.mu.Lock()
	pod := w.latest
	w.latest = nil
	w.mu.Unlock()
	if pod == nil {
		return
	}
	if order, err := resourceversion.CompareResourceVersion(pod.ResourceVersion, w.pod.ResourceVersion); err != nil || order >= 0 {
		w.pod = pod
	}
	w.checkDeletion()
}

// checkDeletion ends a pod that was deleted.
func (w *worker) checkDeletion() {
	if w.pod.DeletionTimestamp == nil {
		return
	}
	var grace int64
	if seconds := w.pod.DeletionGracePeriodSeconds; seconds != nil {
		grace = *seconds
	}
	w.machine.end(time.Duration(grace)*time.Second, time.Now())
}

// settle executes the due steps, writes the status, and returns when to call it again;
// zero means at the next event.
func (w *worker) settle(ctx context.Context) time.Time {
	var wake time.Time
	for ctx.Err() == nil {
		steps, at := w.machine.next(time.Now())
		if wake = at; len(steps) == 0 {
			break
		}
		for _, s := range steps {
			w.do(ctx, s)
		}
	}
	over := w.machine.over()
	var errs []error
	if over {
		errs = append(errs, w.closeBox())
	}
	errs = append(errs, w.report(ctx))
	if over && w.pod.DeletionTimestamp != nil {
		errs = append(errs, w.remove(ctx))
	}
	if err := errors.Join(errs...); err != nil && ctx.Err() == nil {
		w.log.Warn("will try again", "error", err)
		if retry := time.Now().Add(writeRetry); wake.IsZero() || retry.Before(wake) {
			wake = retry
		}
	}
	return wake
}

// do executes one step.
func (w *worker) do(ctx context.Context, s step) {
	switch s.do {
	case makeBox:
		if err := w.makeBox(ctx); err != nil {
			w.agent.event(w.pod, nil, corev1.EventTypeWarning, "FailedCreatePodSandBox", err.Error())
			w.machine.boxAt = time.Now().Add(boxRetry)
		}
	case run:
		w.start(ctx, s.container)
	case preStop:
		w.preStop(ctx, s.container)
	case terminate:
		w.terminate(ctx, s.container)
	case kill:
		w.signal(s.container, os.Kill)
	}
}

func (w *worker) makeBox(ctx context.Context) error {
	if !w.held {
		ip, err := w.agent.takeAddress()
		if err != nil {
			return err
		}
		w.at.pod, w.held = ip, true
	}
	box, err := w.agent.options.Sandboxes.New(ctx, SandboxOptions{
		Name:       hostname(w.pod),
		IP:         w.at.pod,
		Redirect:   redirected(&w.pod.Spec),
		ResolvConf: dns.ResolvConf(w.pod.Namespace, w.agent.options.DNS),
	})
	if err != nil {
		return fmt.Errorf("make sandbox: %w", err)
	}
	w.box, w.machine.boxed = box, true
	return nil
}

// closeBox kills the remaining processes in the sandbox and releases its address.
func (w *worker) closeBox() error {
	for _, e := range w.runs {
		e.cancel()
	}
	clear(w.runs)
	if w.box != nil {
		if err := w.box.Close(); err != nil {
			return fmt.Errorf("close sandbox: %w", err)
		}
	}
	if w.held {
		w.agent.releaseAddress(w.at.pod)
	}
	w.held = false
	w.box, w.machine.boxed = nil, false
	return nil
}

// report writes the pod's status if it changed.
func (w *worker) report(ctx context.Context) error {
	if w.finished {
		return nil
	}
	status := w.machine.status(w.pod, w.at, apiTime(time.Now()))
	if equality.Semantic.DeepEqual(status, w.pod.Status) {
		return nil
	}
	patch, err := statusPatch(w.pod, status)
	if err != nil {
		return err
	}
	pod, err := w.agent.client.CoreV1().Pods(w.pod.Namespace).Patch(
		ctx, w.pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if apierrors.IsNotFound(err) || apierrors.IsConflict(err) {
		// The pod is gone, or another has its name. An event will say so.
		return nil
	}
	if err != nil {
		return fmt.Errorf("write status: %w", err)
	}
	w.pod = pod
	w.checkDeletion()
	return nil
}

// statusPatch returns a patch from one status of a pod to another, for this pod and no
// later one with its name.
func statusPatch(pod *corev1.Pod, status corev1.PodStatus) ([]byte, error) {
	before, err := json.Marshal(corev1.Pod{Status: pod.Status})
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	after, err := json.Marshal(corev1.Pod{ObjectMeta: metav1.ObjectMeta{UID: pod.UID}, Status: status})
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(before, after, corev1.Pod{})
	if err != nil {
		return nil, fmt.Errorf("compare status: %w", err)
	}
	return patch, nil
}

// remove deletes the object of a pod that has ended.
func (w *worker) remove(ctx context.Context) error {
	if w.removed {
		return nil
	}
	now := int64(0)
	err := w.agent.client.CoreV1().Pods(w.pod.Namespace).Delete(ctx, w.pod.Name, metav1.DeleteOptions{
		GracePeriodSeconds: &now, Preconditions: &metav1.Preconditions{UID: &w.pod.UID},
	})
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("delete pod: %w", err)
	}
	w.removed = true
	return nil
}
