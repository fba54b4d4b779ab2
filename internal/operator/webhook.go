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

// podWebhook adds the readiness gate to pods that are being created. It rejects no pod, and
// passes on unchanged every request that it does not understand.
type podWebhook struct {
	store   *store
	synced  func() bool
	options *Options
	metrics *gateMetrics
	log     *slog.Logger
}

var podsResource = metav1.GroupVersionResource{Version: "v1", Resource: "pods"}

// Handle answers the API server. It has no other effects, so a dry run gets the same answer.
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
	if !a.synced() { // a pod must not wait until the store is complete
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

// addGate returns the one change to a pod. It is a patch of the JSON, so fields that this
// program does not know are kept.
func addGate(pod *corev1.Pod) jsonpatch.JsonPatchOperation {
	added := corev1.PodReadinessGate{ConditionType: gate.Condition}
	if len(pod.Spec.ReadinessGates) == 0 {
		return jsonpatch.NewOperation("add", "/spec/readinessGates", []corev1.PodReadinessGate{added})
	}
	return jsonpatch.NewOperation("add", "/spec/readinessGates/-", added)
}
