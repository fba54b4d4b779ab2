package operator

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/model"
)

// reportOpen says, by the log and an Event of the Gateway, when the default is not in force at a
// Gateway without a policy, and why. It repeats neither.
func (e *entries) reportOpen(ctx context.Context, in *entryInput, entry *edge.Entry) {
	gateway := entry.Policy.Target()
	why := in.problem(entry)
	if ctx.Err() != nil || e.open[gateway] == why {
		return
	}
	if e.open[gateway] = why; why == "" {
		e.log.Info("the default policy of a gateway is in force", "object", gateway.String())
		return
	}
	e.log.Warn("a gateway follows overrides that come from outside", "object", gateway.String(), "reason", why)
	if to := in.regarding(gateway); to != nil && !e.options.DryRun {
		e.recorder.Eventf(to, nil, corev1.EventTypeWarning, string(diag.EdgeDefaultNotInForce), "Write", "%s", truncateNote(why))
	}
}

// regarding returns what Events about a policy are about: itself, or the Gateway of an implied
// one. It is nil if that is gone.
func (in *entryInput) regarding(policy diag.Object) runtime.Object {
	if found := in.policies[policy]; found != nil {
		return found
	}
	uid, exists := in.gateways[policy]
	if !exists {
		return nil
	}
	out := &corev1.ObjectReference{APIVersion: istioGroup + "/v1", Kind: "Gateway", Namespace: policy.Namespace, Name: policy.Name, UID: uid}
	if policy.Kind == diag.KubernetesGateway {
		out.APIVersion = model.GatewayAPIGroup + "/v1"
	}
	return out
}
