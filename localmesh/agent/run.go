package agent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// startFailed is the exit code of a container whose program can't be started.
const startFailed = 128

// start starts a container, and reports the result to the machine.
func (w *worker) start(ctx context.Context, c *container) {
	what, err := w.prepare(ctx, c)
	if err != nil {
		var refused *refusal
		if !errors.As(err, &refused) {
			refused = &refusal{"CreateContainerError", err.Error()}
		}
		c.failed(refused.reason, refused.message, time.Now())
		w.agent.event(w.pod, c, corev1.EventTypeWarning, "Failed", refused.Error())
		return
	}
	id := containerID(w.pod, c)
	if what.nothing {
		c.ran(id, time.Now())
		c.exited(corev1.ContainerStateTerminated{}, time.Now())
		return
	}
	output, err := w.openLog(c)
	if err != nil {
		c.failed("CreateContainerError", err.Error(), time.Now())
		return
	}
	what.command.Output = output
	process, err := w.box.Start(what.command)
	c.ran(id, time.Now())
	if err != nil {
		message := errors.Join(err, output.Close()).Error()
		c.exited(corev1.ContainerStateTerminated{ExitCode: startFailed, Reason: "StartError", Message: message}, time.Now())
		w.agent.event(w.pod, c, corev1.EventTypeWarning, "Failed", "Error: "+message)
		return
	}
	w.agent.event(w.pod, c, corev1.EventTypeNormal, "Started", "Started container "+c.spec.Name)
	ctx, cancel := context.WithCancel(ctx)
	e := &execution{process: process, env: what.command.Env, cancel: cancel}
	w.runs[c] = e
	go w.await(c, e, output)
	if c.hooked {
		w.probeStartup(ctx, c)
	} else {
		w.postStart(ctx, c, e)
	}
}

// containerID is unique to each run.
func containerID(pod *corev1.Pod, c *container) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s/%s/%d", pod.UID, c.spec.Name, c.runs))
	return "localmesh://" + hex.EncodeToString(sum[:])
}

// await reports to the machine how a run ended.
func (w *worker) await(c *container, e *execution, output *os.File) {
	<-e.process.Done()
	e.cancel()
	end := howEnded(e.process.State())
	if err := output.Close(); err != nil {
		end.Message = err.Error()
	}
	w.post(func() {
		if w.runs[c] == e {
			delete(w.runs, c)
			c.exited(end, time.Now())
			if end.ExitCode != 0 && !w.machine.ending && w.machine.restarts(c) {
				w.agent.event(w.pod, c, corev1.EventTypeWarning, "BackOff", fmt.Sprintf("Back-off restarting failed container %s", c.spec.Name))
			}
		}
	})
}

// howEnded encodes it like the API: a signal is 128 plus its number.
func howEnded(state *os.ProcessState) corev1.ContainerStateTerminated {
	if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		return corev1.ContainerStateTerminated{ExitCode: 128 + int32(status.Signal())}
	}
	return corev1.ContainerStateTerminated{ExitCode: int32(state.ExitCode())}
}

// current reports whether a run is still the container's; only the loop calls it.
func (w *worker) current(c *container, e *execution) bool {
	return w.runs[c] == e && c.phase == running
}

// postStart runs a hook; a container whose hook fails is stopped.
func (w *worker) postStart(ctx context.Context, c *container, e *execution) {
	hook := w.hook(c, e, c.spec.Lifecycle.PostStart)
	go func() {
		err := hook(ctx)
		w.post(func() {
			if !w.current(c, e) {
				return
			}
			if err != nil {
				w.agent.event(w.pod, c, corev1.EventTypeWarning, "FailedPostStartHook", err.Error())
				w.machine.halt(c, w.machine.grace, time.Now())
				return
			}
			c.hooked = true
			w.probeStartup(ctx, c)
		})
	}()
}

// preStop runs a hook. Whether it fails or not, the container is stopped next.
func (w *worker) preStop(ctx context.Context, c *container) {
	e := w.runs[c]
	hook := w.hook(c, e, c.spec.Lifecycle.PreStop)
	ctx, cancel := context.WithDeadline(ctx, c.stop.by)
	go func() {
		defer cancel()
		err := hook(ctx)
		w.post(func() {
			if err != nil {
				w.agent.event(w.pod, c, corev1.EventTypeWarning, "FailedPreStopHook", err.Error())
			}
			if w.current(c, e) {
				c.stop.hooked = true
			}
		})
	}()
}

// terminate sends SIGTERM to a container. A proxy is drained first.
func (w *worker) terminate(ctx context.Context, c *container) {
	e := w.runs[c]
	w.agent.event(w.pod, c, corev1.EventTypeNormal, "Killing", "Stopping container "+c.spec.Name)
	kind := istioPart(c.spec)
	if !kind.envoy() || e.drained {
		w.signal(c, syscall.SIGTERM)
		return
	}
	box := w.box
	ctx, cancel := context.WithTimeout(ctx, w.agent.options.Drain)
	go func() {
		defer cancel()
		if err := drainEnvoy(ctx, box, kind, false); err != nil {
			w.log.Warn("a proxy was not drained", "error", err)
		}
		select {
		case <-ctx.Done():
		case <-e.process.Done():
		case <-w.done:
		}
		w.post(func() {
			if w.current(c, e) {
				w.signal(c, syscall.SIGTERM)
			}
		})
	}()
}

func (w *worker) signal(c *container, signal os.Signal) {
	if err := w.runs[c].process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		w.log.Warn("a signal was not sent", "container", c.spec.Name, "signal", signal.String(), "error", err)
	}
}
