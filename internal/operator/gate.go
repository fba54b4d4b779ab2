package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/events"
	ctrl "sigs.k8s.io/controller-runtime"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/gate"
	"github.com/overrides-mesh/overrides/internal/model"
)

// GateOptions are options of the readiness gate.
type GateOptions struct {
	// Enabled makes pods that are not released wait until ordinary traffic is pinned. The
	// other options only matter if it is set.
	Enabled bool
	// Timeout opens a gate after this time, even if ordinary traffic is not pinned; zero for
	// never.
	Timeout time.Duration
	// Address is the address of the webhook's server.
	Address string
	// Namespace is the namespace of the Service and the Secret. If it is empty, it is that
	// of the lease, or else of the pod.
	Namespace, Service, Secret string
	// Configuration is the name of the MutatingWebhookConfiguration.
	Configuration string
	// Hosts are additional hosts of the certificate.
	Hosts []string
}

// namespaceFile contains the namespace of the pod.
const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// ownNamespace returns the given namespace, or else that of the lease, or else of the pod.
func ownNamespace(given, lease string) (string, error) {
	if given != "" || lease != "" {
		return cmp.Or(given, lease), nil
	}
	text, err := os.ReadFile(namespaceFile)
	if err != nil {
		return "", fmt.Errorf("no flag names it: %w", err)
	}
	return strings.TrimSpace(string(text)), nil
}

// addGates adds the webhook to the manager, and makes r open gates.
func addGates(manager ctrl.Manager, config *rest.Config, r *reconciler, p parts) error {
	options := r.options.Gate
	var err error
	if options.Namespace, err = ownNamespace(options.Namespace, r.options.LeaseNamespace); err != nil {
		return fmt.Errorf("find the namespace of the webhook: %w", err)
	}
	r.gates = &gateOpener{
		objects: p.policy.objects, recorder: p.recorder, metrics: p.gates, log: p.log, background: r.background,
		timeout: options.Timeout, dryRun: r.options.DryRun, pods: map[types.UID]*waitingPod{},
	}
	webhook := &webhookServer{config: config, options: &options, log: p.log, handler: &podWebhook{
		store: r.store, synced: r.synced, options: r.options, metrics: p.gates, log: p.log,
	}}
	return errors.Join(manager.Add(webhook), manager.AddReadyzCheck("webhook", webhook.ready))
}

// gateOpener opens readiness gates. A nil gateOpener does nothing.
type gateOpener struct {
	objects    dynamic.Interface
	recorder   events.EventRecorder
	metrics    *gateMetrics
	log        *slog.Logger
	background *background
	timeout    time.Duration
	dryRun     bool

	mu sync.Mutex
	// pods are the pods that wait.
	pods map[types.UID]*waitingPod
}

// waitingPod is a pod whose gate was shut in the last cycle.
type waitingPod struct {
	gate.Waiting

	// island is the island of the pod.
	island *islandState
	// opening is set while a request to open the gate is running, opened after it has
	// succeeded and until the informer reports it.
	opening, opened bool
	// retryAt is when to try again after an error.
	retryAt time.Time
}

// open opens the gates of pods that may become ready, and returns when to look again. As
// long as a route or subset for a pod's Service is being written (see writingSince), it is
// unknown whether ordinary traffic is pinned. The end of the write triggers another look.
func (o *gateOpener) open(ctx context.Context, p *islandState, writingSince func(host string) time.Time) time.Time {
	if o == nil {
		return time.Time{}
	}
	view := &gate.View{Services: p.result.Services, Gated: p.planned.Gated, Now: time.Now(), Timeout: o.timeout}
	var requeueAt time.Time
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.track(p, view.Now) {
		verdict := view.Evaluate(&w.Waiting)
		if verdict.Notify && !verdict.Open {
			o.emitEvent(w.Pod, verdict)
			w.Notified = true
		}
		requeueAt = earlier(requeueAt, verdict.RequeueAt)
		switch {
		case !verdict.Open || w.opened || w.opening || o.dryRun:
		case view.Now.Before(w.retryAt):
			requeueAt = earlier(requeueAt, w.retryAt)
		case verdict.Reason != gate.ReadyUnpinned && p.hasWritesFor(w.Pod, writingSince):
		default:
			w.opening = true
			pod := w.Pod
			o.background.send(func() bool { return o.write(ctx, w, pod, verdict) })
		}
	}
	o.count()
	return requeueAt
}

// hasWritesFor reports whether a write for a Service that selects the pod is in flight.
func (p *islandState) hasWritesFor(pod *discover.Pod, writingSince func(host string) time.Time) bool {
	for i := range p.snapshot.Services {
		s := &p.snapshot.Services[i]
		if s.Namespace == pod.Namespace && len(s.Selector) > 0 && model.HasLabels(pod.Labels.All, s.Selector) &&
			!writingSince(p.host(s.Namespace, s.Name)).IsZero() {
			return true
		}
	}
	return false
}

// track updates the waiting pods of an island and returns them.
func (o *gateOpener) track(p *islandState, now time.Time) []*waitingPod {
	out, still := make([]*waitingPod, 0, len(p.gated)), make(map[types.UID]bool, len(p.gated))
	for _, pod := range p.gated {
		w := o.pods[pod.UID]
		if w == nil {
			w = &waitingPod{Waiting: gate.Waiting{Since: now}}
			o.pods[pod.UID] = w
		}
		w.Pod, w.island, still[pod.UID] = pod, p, true
		out = append(out, w)
	}
	o.dropExcept(p, still)
	return out
}

// dropExcept drops the pods of an island that no longer wait.
func (o *gateOpener) dropExcept(p *islandState, still map[types.UID]bool) {
	for uid := range p.shown.gated {
		if w := o.pods[uid]; w != nil && w.island == p && !still[uid] {
			delete(o.pods, uid)
		}
	}
	p.shown.gated = still
}

// forget drops the pods of an island that is gone, unless another island has them now.
func (o *gateOpener) forget(p *islandState) {
	if o == nil {
		return
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.dropExcept(p, nil)
	o.count()
}

// gateMetrics are metrics of the readiness gate.
type gateMetrics struct {
	admitted, opened *prometheus.CounterVec
	waiting          prometheus.Gauge
	waited           prometheus.Histogram
}

func newGateMetrics() *gateMetrics {
	return &gateMetrics{
		admitted: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "overrides_gate_admissions_total", Help: "Pods that the webhook was asked about, by result: gated, passed, unknown (the operator could not tell) or failed.",
		}, []string{"result"}),
		opened:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "overrides_gate_opened_total", Help: "Readiness gates that the operator has opened."}, []string{"reason"}),
		waiting: prometheus.NewGauge(prometheus.GaugeOpts{Name: "overrides_gate_waiting", Help: "Pods whose readiness gate is shut."}),
		waited: prometheus.NewHistogram(prometheus.HistogramOpts{
			Name: "overrides_gate_wait_seconds", Help: "Time from when a pod with a shut readiness gate is seen to when its gate is open.", Buckets: durationBuckets,
		}),
	}
}

func (m *gateMetrics) all() []prometheus.Collector {
	return []prometheus.Collector{m.admitted, m.opened, m.waiting, m.waited}
}

// count updates the gauge of waiting pods. The caller has locked o.mu.
func (o *gateOpener) count() {
	waiting := 0
	for _, w := range o.pods {
		if !w.opened {
			waiting++
		}
	}
	o.metrics.waiting.Set(float64(waiting))
}

func (o *gateOpener) emitEvent(about *discover.Pod, v gate.Verdict) {
	pod := &corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: about.Namespace, Name: about.Name, UID: about.UID}
	o.recorder.Eventf(pod, nil, corev1.EventTypeWarning, string(v.Reason), "OpenReadinessGate", "%s", truncateNote(v.Message))
}

// write opens the gate of a pod. It reports whether it need not be retried.
func (o *gateOpener) write(ctx context.Context, w *waitingPod, pod *discover.Pod, v gate.Verdict) bool {
	object := diag.Object{Kind: "Pod", Namespace: pod.Namespace, Name: pod.Name}
	err := apply.Status(ctx, o.objects, object, pod.UID, gate.OpenStatus(v.Reason, v.Message, time.Now()))
	o.mu.Lock()
	defer o.mu.Unlock()
	w.opening = false
	switch {
	case err == nil:
		w.opened = true
		o.metrics.opened.WithLabelValues(string(v.Reason)).Inc()
		o.metrics.waited.Observe(time.Since(w.Since).Seconds())
		if v.Notify {
			o.emitEvent(pod, v)
		}
		o.count()
		o.log.Info("opened readiness gate", "object", object.String(), "reason", v.Reason)
	case apierrors.IsNotFound(err), apierrors.IsConflict(err), ctx.Err() != nil:
		// The pod is gone or replaced, and the informer will report it. If not, because
		// another field manager owns the condition, this is retried.
		w.retryAt = time.Now().Add(failureBackoffMax)
	default:
		w.retryAt = time.Now().Add(time.Second)
		o.log.Error("open readiness gate", "object", object.String(), "error", err)
	}
	return err == nil
}
