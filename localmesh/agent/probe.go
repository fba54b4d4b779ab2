package agent

import (
	"context"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
)

// soonest is the shortest delay between probes of a container that is not ready yet.
const soonest = 100 * time.Millisecond

// probeStartup starts the probes of a running container.
func (w *worker) probeStartup(ctx context.Context, c *container) {
	e := w.runs[c]
	if c.spec.StartupProbe == nil {
		w.probeStarted(ctx, c, e)
		return
	}
	p := w.prober(c, e, c.spec.StartupProbe)
	p.kind, p.eager, p.once = "Startup", true, true
	go p.loop(ctx, func(good bool) {
		if good {
			w.probeStarted(ctx, c, e)
		} else {
			w.unhealthy(c, "startup", c.spec.StartupProbe)
		}
	})
}

// probeStarted records that a container has started, and starts its other probes.
func (w *worker) probeStarted(ctx context.Context, c *container, e *execution) {
	c.started = true
	if c.spec.ReadinessProbe != nil {
		p := w.prober(c, e, c.spec.ReadinessProbe)
		p.kind, p.eager = "Readiness", true
		go p.loop(ctx, func(good bool) { c.passing = good })
	}
	if c.spec.LivenessProbe != nil {
		p := w.prober(c, e, c.spec.LivenessProbe)
		p.kind = "Liveness"
		go p.loop(ctx, func(good bool) {
			if !good {
				w.unhealthy(c, "liveness", c.spec.LivenessProbe)
			}
		})
	}
}

// unhealthy stops a container, so that it is started again. An ending pod stops it
// anyway.
func (w *worker) unhealthy(c *container, kind string, probe *corev1.Probe) {
	if w.machine.ending {
		return
	}
	w.agent.event(w.pod, c, corev1.EventTypeNormal, "Killing", fmt.Sprintf("Container %s failed %s probe, will be restarted", c.spec.Name, kind))
	grace := w.machine.grace
	if probe.TerminationGracePeriodSeconds != nil {
		grace = seconds(*probe.TerminationGracePeriodSeconds)
	}
	w.machine.halt(c, grace, time.Now())
}

func seconds[N int32 | int64](n N) time.Duration { return time.Duration(n) * time.Second }

// prober probes a container repeatedly.
type prober struct {
	worker    *worker
	container *container
	execution *execution
	spec      *corev1.Probe
	check     check
	// kind is its name for users: Startup, Readiness, Liveness.
	kind string
	// eager probes more often than the period says until the first success, so that tests
	// need not wait. Failures count only once per period.
	eager bool
	// once ends with the first verdict.
	once bool
}

func (w *worker) prober(c *container, e *execution, spec *corev1.Probe) *prober {
	return &prober{worker: w, container: c, execution: e, spec: spec, check: w.check(c, e, spec.ProbeHandler)}
}

// loop reports each verdict to the worker, until the run is over.
func (p *prober) loop(ctx context.Context, verdict func(good bool)) {
	verdicts := threshold{success: p.spec.SuccessThreshold, failure: p.spec.FailureThreshold}
	period := seconds(max(p.spec.PeriodSeconds, 1))
	due := time.Now().Add(seconds(p.spec.InitialDelaySeconds))
	timer := time.NewTimer(time.Until(due))
	defer timer.Stop()
	again := soonest
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		}
		failed := p.ask(ctx)
		good := failed == nil
		now := time.Now()
		regular := !now.Before(due)
		for !now.Before(due) {
			due = due.Add(period)
		}
		if !good && regular && ctx.Err() == nil {
			p.complain(failed)
		}
		if (good || regular) && verdicts.add(good) {
			p.worker.post(func() {
				if p.worker.current(p.container, p.execution) {
					verdict(good)
				}
			})
			if p.once {
				return
			}
		}
		wait := due.Sub(now)
		if p.eager && !good {
			wait = min(wait, again)
			again *= 2
		} else {
			p.eager = false
		}
		timer.Reset(wait)
	}
}

// complain reports a failed attempt as an Event.
func (p *prober) complain(failed error) {
	w, c := p.worker, p.container
	w.post(func() {
		if w.current(c, p.execution) {
			w.agent.event(w.pod, c, corev1.EventTypeWarning, "Unhealthy", fmt.Sprintf("%s probe failed: %v", p.kind, failed))
		}
	})
}

// ask makes one attempt.
func (p *prober) ask(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, seconds(max(p.spec.TimeoutSeconds, 1)))
	defer cancel()
	return p.check(ctx)
}

// check is an attempt to find out how a container is.
type check func(ctx context.Context) error

// check returns the check for a probe. A proxy is probed directly, whatever the probe
// says: there is no Istio agent that would answer for it.
func (w *worker) check(c *container, e *execution, handler corev1.ProbeHandler) check {
	box, at := w.box, w.at
	if istioPart(c.spec).envoy() {
		return func(ctx context.Context) error { return envoyReady(ctx, box) }
	}
	switch {
	case handler.HTTPGet != nil:
		return func(ctx context.Context) error { return httpGet(ctx, box, at, c.spec, handler.HTTPGet) }
	case handler.TCPSocket != nil:
		return func(ctx context.Context) error { return dialTCP(ctx, box, at, c.spec, handler.TCPSocket) }
	case handler.GRPC != nil:
		return func(ctx context.Context) error { return grpcHealth(ctx, box, at, handler.GRPC) }
	case handler.Exec != nil:
		return w.execute(c, e, handler.Exec)
	default:
		return func(context.Context) error { return fmt.Errorf("the agent knows no such probe: %v", handler) }
	}
}
