package agent

import (
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// role is the role of a container in its pod.
type role int

const (
	// initial containers run to their end, one after the other.
	initial role = iota
	// sidecar containers are started between them and keep running.
	sidecar
	// regular containers are the pod's purpose.
	regular
)

type phase int

const (
	waiting phase = iota
	running
	ended
)

// container is the state of one container.
type container struct {
	spec  *corev1.Container
	role  role
	phase phase
	runs  int32
	id    string

	// reason and message say why it waits.
	reason, message string
	// since is its start, until its end.
	since, until time.Time
	// end is how it ended, if it has; last is how its previous run ended.
	end, last *corev1.ContainerStateTerminated

	// hooked says that postStart is over, started that the startup probe has succeeded
	// too, passing is the result of the readiness probe.
	hooked, started, passing bool

	backoff backoff
	// retryAt is the time when it may be started (again).
	retryAt time.Time
	// looping says that it waits for that.
	looping bool

	stop stop
}

// stop is the progress of ending a running container.
type stop struct {
	wanted bool
	// by is the time when it is killed.
	by time.Time
	// hooking and hooked are about preStop.
	hooking, hooked   bool
	signalled, killed bool
}

// ran records that the container was started.
func (c *container) ran(id string, now time.Time) {
	if c.end != nil {
		c.last, c.end = c.end, nil
	}
	c.phase, c.id, c.since = running, id, now
	c.runs++
	c.reason, c.message = "", ""
	c.hooked = c.spec.Lifecycle == nil || c.spec.Lifecycle.PostStart == nil
	c.looping, c.started, c.passing = false, false, false
	c.stop = stop{}
}

// failed records that the container could not be created; that is retried.
func (c *container) failed(reason, message string, now time.Time) {
	at := c.backoff.next(now)
	// Even the first time, since nothing has changed.
	if !at.After(now) {
		at = now.Add(c.backoff.first)
	}
	c.phase, c.reason, c.message, c.retryAt = waiting, reason, message, at
}

// exited records how a container ended.
func (c *container) exited(end corev1.ContainerStateTerminated, now time.Time) {
	if end.Reason == "" {
		end.Reason = "Completed"
		if end.ExitCode != 0 {
			end.Reason = "Error"
		}
	}
	end.StartedAt, end.FinishedAt = apiTime(c.since), apiTime(now)
	end.ContainerID = c.id
	c.phase, c.end, c.until = ended, &end, now
	c.hooked, c.started, c.passing = false, false, false
	c.stop = stop{}
	c.retryAt = c.backoff.next(now)
}

// ready reports whether the container counts as ready for its pod.
func (c *container) ready() bool {
	if c.role == initial {
		return c.phase == ended && c.end.ExitCode == 0
	}
	return c.phase == running && c.started && (c.passing || c.spec.ReadinessProbe == nil)
}

// status is the container's status in the API. Stopped means that it won't start again.
func (c *container) status(pod string, stopped bool) corev1.ContainerStatus {
	started := c.phase == running && c.started
	out := corev1.ContainerStatus{
		Name:         c.spec.Name,
		Image:        c.spec.Image,
		RestartCount: max(c.runs-1, 0),
		Ready:        c.ready(),
		Started:      &started,
		ContainerID:  c.id,
	}
	if c.runs > 0 {
		out.ImageID = c.spec.Image
	}
	switch {
	case c.phase == running:
		out.State.Running = &corev1.ContainerStateRunning{StartedAt: apiTime(c.since)}
		out.LastTerminationState.Terminated = c.last
	case c.phase == ended && c.looping && !stopped:
		out.State.Waiting = &corev1.ContainerStateWaiting{Reason: "CrashLoopBackOff", Message: fmt.Sprintf(
			"back-off %v restarting failed container=%s pod=%s", c.retryAt.Sub(c.until), c.spec.Name, pod)}
		out.LastTerminationState.Terminated = c.end
	case c.phase == ended:
		out.State.Terminated = c.end
		out.LastTerminationState.Terminated = c.last
	default:
		out.State.Waiting = &corev1.ContainerStateWaiting{Reason: c.reason, Message: c.message}
		out.LastTerminationState.Terminated = c.end
	}
	return out
}

// apiTime is a time with the API's precision, so that it compares equal.
func apiTime(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }
