package agent

import (
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
)

const (
	// leastGrace is the minimal time between SIGTERM and SIGKILL, if SIGTERM was delayed
	// by the preStop hook or by containers that had to end before.
	leastGrace = 2 * time.Second
	// boxRetry is the delay after a failed creation of a sandbox.
	boxRetry = time.Second
)

// machine decides the next steps of a pod from events and the time. It does
// nothing itself.
//
//	init containers, in order: initial ones end with 0, sidecars are started
//	regular containers, in order; restartPolicy says whether each is started again
//	all ended for good, or the pod is ending: regular ones stop, then sidecars, last first
type machine struct {
	policy     corev1.RestartPolicy
	grace      time.Duration
	containers []*container

	// boxed says that there is a sandbox, boxAt when to create it.
	boxed bool
	boxAt time.Time
	// initialized says that regular containers may start.
	initialized bool
	// complete says that regular containers have completed, or will never start.
	complete bool
	// ending says that the pod must end.
	ending bool
	// deadline is the time by which it must have ended, unless zero; expired says that
	// the deadline made it end.
	deadline time.Time
	expired  bool
}

// verb is the action of a step.
type verb int

const (
	// makeBox creates the sandbox.
	makeBox verb = iota
	// run starts a container.
	run
	// preStop runs its hook.
	preStop
	// terminate and kill are signals.
	terminate
	kill
)

// step is one action, on a container unless it is makeBox.
type step struct {
	do        verb
	container *container
}

func newMachine(spec *corev1.PodSpec, restart backoff) *machine {
	m := &machine{policy: spec.RestartPolicy, grace: 30 * time.Second}
	if s := spec.TerminationGracePeriodSeconds; s != nil {
		m.grace = time.Duration(*s) * time.Second
	}
	reason := "ContainerCreating"
	if len(spec.InitContainers) > 0 {
		reason = "PodInitializing"
	}
	add := func(c *corev1.Container, r role) {
		m.containers = append(m.containers, &container{spec: c, role: r, reason: reason, backoff: restart})
	}
	for i := range spec.InitContainers {
		c := &spec.InitContainers[i]
		if p := c.RestartPolicy; p != nil && *p == corev1.ContainerRestartPolicyAlways {
			add(c, sidecar)
		} else {
			add(c, initial)
		}
	}
	for i := range spec.Containers {
		add(&spec.Containers[i], regular)
	}
	return m
}

// end makes the pod end within a time. The shortest time counts.
func (m *machine) end(grace time.Duration, now time.Time) {
	m.ending = true
	for _, c := range m.containers {
		m.halt(c, grace, now)
	}
}

// halt makes one container end.
func (m *machine) halt(c *container, grace time.Duration, now time.Time) {
	if c.phase != running {
		return
	}
	by := now.Add(grace)
	if !c.stop.wanted {
		c.stop = stop{wanted: true, by: by, hooked: c.spec.Lifecycle == nil || c.spec.Lifecycle.PreStop == nil}
	} else if by.Before(c.stop.by) {
		c.stop.by = by
	}
	if grace <= 0 {
		// Without a grace period it is killed.
		c.stop.signalled = true
	}
}

// over reports whether nothing runs and nothing will.
func (m *machine) over() bool {
	return (m.ending || m.complete) && !slices.ContainsFunc(m.containers, func(c *container) bool { return c.phase == running })
}

// next returns the current steps. If there are none, wake is the time to ask again unless
// an event comes first; zero means never.
func (m *machine) next(now time.Time) (steps []step, wake time.Time) {
	p := &plan{now: now}
	m.expire(p)
	if !m.ending && !m.complete {
		m.advance(p)
	}
	if m.complete && !m.ending {
		for _, c := range m.containers {
			if c.role == sidecar && !c.stop.wanted {
				m.halt(c, m.grace, now)
			}
		}
	}
	for _, c := range m.containers {
		if c.phase == running && c.stop.wanted {
			m.wind(c, p)
		}
	}
	return p.steps, p.wake
}

// expire ends a pod that has a deadline.
func (m *machine) expire(p *plan) {
	switch {
	case m.deadline.IsZero() || m.ending || m.complete:
	case p.now.Before(m.deadline):
		p.wakeAt(m.deadline)
	default:
		m.expired = true
		m.end(m.grace, p.now)
	}
}

// plan collects steps and when to wake.
type plan struct {
	now   time.Time
	steps []step
	wake  time.Time
}

func (p *plan) add(do verb, c *container) { p.steps = append(p.steps, step{do, c}) }

func (p *plan) wakeAt(at time.Time) {
	if p.wake.IsZero() || at.Before(p.wake) {
		p.wake = at
	}
}

// advance starts the containers that are due.
func (m *machine) advance(p *plan) {
	if !m.boxed {
		if p.now.Before(m.boxAt) {
			p.wakeAt(m.boxAt)
		} else {
			p.add(makeBox, nil)
		}
		return
	}
	for _, c := range m.containers {
		if c.role == regular {
			continue
		}
		if c.role == initial && c.phase == ended && c.end.ExitCode == 0 || c.role == sidecar && c.phase == running && c.started {
			continue
		}
		if c.phase == ended && !m.restarts(c) {
			m.complete = true
			return
		}
		m.start(c, p)
		if !m.initialized {
			return
		}
	}
	m.initialized = true
	m.advanceRegular(p)
}

func (m *machine) advanceRegular(p *plan) {
	done := true
	for _, c := range m.containers {
		if c.role != regular || c.phase == ended && !m.restarts(c) {
			continue
		}
		done = false
		// A container is created only after those before it have run their postStart.
		if m.start(c, p) && c.spec.Lifecycle != nil && c.spec.Lifecycle.PostStart != nil || c.phase == running && !c.hooked {
			return
		}
	}
	m.complete = done
}

// start starts a container that does not run, if it is time, and reports whether it did.
func (m *machine) start(c *container, p *plan) bool {
	if c.phase == running {
		return false
	}
	if p.now.Before(c.retryAt) {
		c.looping = true
		p.wakeAt(c.retryAt)
		return false
	}
	p.add(run, c)
	return true
}

// restarts reports whether an ended container is started again.
func (m *machine) restarts(c *container) bool {
	policy := m.policy
	if c.spec.RestartPolicy != nil {
		policy = corev1.RestartPolicy(*c.spec.RestartPolicy)
	}
	failed := c.end.ExitCode != 0
	switch policy {
	case corev1.RestartPolicyNever:
		return false
	case corev1.RestartPolicyOnFailure:
		return failed
	default:
		// A successful init container is complete.
		return failed || c.role != initial
	}
}

// wind takes the next step to end a container.
func (m *machine) wind(c *container, p *plan) {
	s := &c.stop
	late := !p.now.Before(s.by)
	switch {
	case late && s.signalled:
		if !s.killed {
			s.killed = true
			p.add(kill, c)
		}
		return
	case late && !s.signalled, s.hooked && m.turn(c) && !s.signalled:
		if late {
			s.by = p.now.Add(leastGrace)
		}
		s.signalled = true
		p.add(terminate, c)
	case !s.hooked && !s.hooking:
		s.hooking = true
		p.add(preStop, c)
	}
	p.wakeAt(s.by)
}

// turn reports whether no other container has to end before this one: sidecars end after
// all others, the last one first. A single container that is stopped waits for none.
func (m *machine) turn(c *container) bool {
	if c.role != sidecar || !m.ending && !m.complete {
		return true
	}
	for _, other := range slices.Backward(m.containers) {
		if other == c {
			return true
		}
		if other.phase == running {
			return false
		}
	}
	return true
}
