package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"time"

	"gomodules.xyz/jsonpatch/v2"
	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/overrides-mesh/overrides/internal/gate"
)

// admitter gives the readiness gate to pods as they are made. It refuses nothing:
// whatever it does not understand passes as it is.
type podWebhook struct {
	store   *store
	synced  func() bool
	options *Options
	metrics *gateMetrics
	log     *slog.Logger
}

var podsResource = metav1.GroupVersionResource{Version: "v1", Resource: "pods"}

// Handle answers the API server. It changes nothing else, so that a dry run needs
// no other answer.
func (a *podWebhook) Handle(_ context.Context, request admission.Request) (response admission.Response) {
	result := "unknown"
	defer func() {
		if r := recover(); r != nil {
			a.log.Error("admit a pod", "error", fmt.Errorf("panic: %v", r), "namespace", request.Namespace)
			response, result = admission.Allowed(""), "failed"
		}
		a.metrics.admitted.WithLabelValues(result).Inc()
	}()
	if request.Operation != admissionv1.Create || request.Resource != podsResource || request.SubResource != "" {
		return admission.Allowed("")
	}
	var pod corev1.Pod
	if err := json.Unmarshal(request.Object.Raw, &pod); err != nil {
		return admission.Allowed("")
	}
	pod.Namespace = request.Namespace
	if !a.synced() {
		// What it is can't be known yet, and nobody is to wait for us.
		return admission.Allowed("")
	}
	objects := a.store.objectsIn(pod.Namespace)
	if objects == nil || !gate.Wanted(objects, a.options.Model, &pod, time.Now()) {
		result = "passed"
		return admission.Allowed("")
	}
	result = "gated"
	return admission.Patched("", addGate(&pod))
}

// addGate is the one change to a pod: by what it holds, not by what this program
// knows of pods, so that nothing in it is lost.
func addGate(pod *corev1.Pod) jsonpatch.JsonPatchOperation {
	added := corev1.PodReadinessGate{ConditionType: gate.Condition}
	if len(pod.Spec.ReadinessGates) == 0 {
		return jsonpatch.NewOperation("add", "/spec/readinessGates", []corev1.PodReadinessGate{added})
	}
	return jsonpatch.NewOperation("add", "/spec/readinessGates/-", added)
}
