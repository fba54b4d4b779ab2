package operator_test

import (
	"context"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"strings"
	"testing"

	admissionv1 "k8s.io/api/admission/v1"
	registrationv1 "k8s.io/api/admissionregistration/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// TestConflict: fields that another manager has taken over are not changed, and this is
// reported. When the object is deleted it is created again.
func TestConflict(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "conflict")
	run(t, s.config, options(s.namespace))
	s.deploy(t, "v2")
	s.converges(t, 2)
	theirs := []byte(`{"spec":{"http":[{"name":"theirs","route":[{"destination":{"host":"cart"}}]}]}}`)
	patched, err := s.objects.Resource(virtualServices).Namespace(s.namespace).
		Patch(t.Context(), "cart-overrides", types.MergePatchType, theirs, metav1.PatchOptions{FieldManager: "somebody"})
	check(t, err)
	s.ready(t, "v2", true)
	s.hasEvent(t, "FieldConflict", "somebody", 1)
	now, err := s.objects.Resource(virtualServices).Namespace(s.namespace).Get(t.Context(), "cart-overrides", metav1.GetOptions{})
	check(t, err)
	if now.GetResourceVersion() != patched.GetResourceVersion() {
		t.Errorf("the object was written to: %v", now)
	}
	check(t, s.objects.Resource(virtualServices).Namespace(s.namespace).Delete(t.Context(), "cart-overrides", metav1.DeleteOptions{}))
	s.converges(t, 2)
}

// TestUserDeletes: an operator's object that a user deletes is created again.
func TestUserDeletes(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "deletes")
	run(t, s.config, options(s.namespace))
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	for _, resource := range []schema.GroupVersionResource{virtualServices, destinationRules} {
		check(t, s.objects.Resource(resource).Namespace(s.namespace).Delete(t.Context(), "cart-overrides", metav1.DeleteOptions{}))
		s.converges(t, 2)
	}
}

// TestForeign: a user's object with the name of an operator's object is left alone, also
// if it looks like one but has another label, and so is everything else.
func TestForeign(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "foreign")
	foreign := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
		"metadata": map[string]any{"name": "cart-overrides", "labels": map[string]any{"app.kubernetes.io/managed-by": "helm"}},
		"spec":     map[string]any{"host": "elsewhere.example.com"},
	}}
	before, err := s.objects.Resource(destinationRules).Namespace(s.namespace).Create(t.Context(), foreign, metav1.CreateOptions{})
	check(t, err)
	r := run(t, s.config, options(s.namespace))
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.hasEvent(t, "NameTaken", "cart-overrides", 1)
	after, err := s.objects.Resource(destinationRules).Namespace(s.namespace).Get(t.Context(), "cart-overrides", metav1.GetOptions{})
	check(t, err)
	if after.GetResourceVersion() != before.GetResourceVersion() {
		t.Errorf("the object was written to: %v", after)
	}
	r.expect(t, "writes")
	check(t, s.objects.Resource(destinationRules).Namespace(s.namespace).Delete(t.Context(), "cart-overrides", metav1.DeleteOptions{}))
	s.converges(t, 2)
}

// TestApplied: an object that generate printed and a user applied is the user's, even if
// it is no longer needed.
func TestApplied(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "applied")
	rules := s.objects.Resource(destinationRules).Namespace(s.namespace)
	before, err := rules.Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
		"metadata": map[string]any{"name": "cart-overrides", "labels": map[string]any{"app.kubernetes.io/managed-by": "overrides"}},
		"spec":     map[string]any{"host": "cart." + s.namespace + ".svc.cluster.local"},
	}}, metav1.CreateOptions{FieldManager: "argocd"})
	check(t, err)
	r := run(t, s.config, options(s.namespace))
	s.hasEvent(t, "FieldConflict", "argocd has applied it", 1)
	after, err := rules.Get(t.Context(), "cart-overrides", metav1.GetOptions{})
	check(t, err)
	if after.GetResourceVersion() != before.GetResourceVersion() {
		t.Errorf("the object was written to: %v", after)
	}
	r.expect(t, "writes")
	check(t, rules.Delete(t.Context(), "cart-overrides", metav1.DeleteOptions{}))
	s.deploy(t, "v2")
	s.converges(t, 2)
}

// TestWebhook: an object that a webhook rejects is not written, the last good object
// stays in force without a route to what it lacks, and the status and an Event have the
// webhook's message.
func TestWebhook(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "webhook")
	s.policy(t, "cart")
	run(t, s.config, options(s.namespace))
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	before, err := s.present(t.Context())
	check(t, err)
	remove := s.refuse(t, "override-v3", "v3 is not to my taste")
	s.deploy(t, "v3")
	s.ready(t, "v3", true)
	s.hasEvent(t, "ObjectRefused", "v3 is not to my taste", 1)
	s.hasCondition(t, "cart", condition{v1alpha1.PolicyConditionProgrammed, "False", v1alpha1.PolicyReasonInvalid, "v3 is not to my taste"})
	after, err := s.present(t.Context())
	check(t, err)
	if len(after) != 2 || before[0] != after[0] || strings.Contains(after[1], "override-v3") {
		t.Errorf("there is\n%s\nwant the DestinationRule of\n%s\nand no route to v3", strings.Join(after, "\n"), strings.Join(before, "\n"))
	}
	s.statusRefused(t, "DestinationRule", "v3 is not to my taste")
	remove()
	s.converges(t, 2)
	s.hasCondition(t, "cart", condition{v1alpha1.PolicyConditionProgrammed, "True", v1alpha1.PolicyReasonProgrammed, ""})
}

// statusRefused runs the command that shows what is rejected, and why.
func (s *shop) statusRefused(t *testing.T, kind, why string) {
	t.Helper()
	status := exec.CommandContext(t.Context(), programtest.Overrides(t, "../.."),
		"status", "--kubeconfig", s.plane.Kubeconfig, "-n", s.namespace, "--lease-namespace", s.namespace)
	output, err := status.CombinedOutput()
	if err == nil {
		t.Error("status says that all is in place")
	}
	text := string(output)
	if !strings.Contains(text, "\nrefused: "+kind+" "+s.namespace+"/cart-overrides (ObjectRefused, said ") || !strings.Contains(text, why) {
		t.Errorf("status says\n%swant the refusal of the %s in it", text, kind)
	}
}

// refuse makes the API server reject objects of the mesh that contain a text, until the
// returned function is called.
func (s *shop) refuse(t *testing.T, text, why string) (remove func()) {
	t.Helper()
	remove = s.review(t, func(review *admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse {
		if !strings.Contains(string(review.Object.Raw), text) {
			return &admissionv1.AdmissionResponse{Allowed: true}
		}
		return &admissionv1.AdmissionResponse{Result: &metav1.Status{Message: why, Code: http.StatusBadRequest}}
	})
	s.awaitRefusal(t, text)
	return remove
}

// review makes the API server ask a webhook about objects of the mesh, until the returned
// function is called.
func (s *shop) review(t *testing.T, answer func(*admissionv1.AdmissionRequest) *admissionv1.AdmissionResponse) (remove func()) {
	t.Helper()
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var review admissionv1.AdmissionReview
		if err := json.NewDecoder(r.Body).Decode(&review); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		review.Response = answer(review.Request)
		review.Response.UID = review.Request.UID
		review.Request = nil
		_ = json.NewEncoder(w).Encode(review)
	}))
	t.Cleanup(server.Close)
	certificate := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	none, fail := registrationv1.SideEffectClassNone, registrationv1.Fail
	hooks := s.kube.AdmissionregistrationV1().ValidatingWebhookConfigurations()
	_, err := hooks.Create(t.Context(), &registrationv1.ValidatingWebhookConfiguration{
		ObjectMeta: metav1.ObjectMeta{Name: s.namespace},
		Webhooks: []registrationv1.ValidatingWebhook{{
			Name: s.namespace + ".example.com", SideEffects: &none, FailurePolicy: &fail, AdmissionReviewVersions: []string{"v1"},
			ClientConfig:      registrationv1.WebhookClientConfig{URL: &server.URL, CABundle: certificate},
			NamespaceSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"kubernetes.io/metadata.name": s.namespace}},
			Rules: []registrationv1.RuleWithOperations{{
				Operations: []registrationv1.OperationType{registrationv1.OperationAll},
				Rule:       registrationv1.Rule{APIGroups: []string{"networking.istio.io"}, APIVersions: []string{"*"}, Resources: []string{"*"}},
			}},
		}},
	}, metav1.CreateOptions{})
	check(t, err)
	return func() {
		check(t, hooks.Delete(context.WithoutCancel(t.Context()), s.namespace, metav1.DeleteOptions{}))
	}
}

// awaitRefusal waits until the API server asks the webhook.
func (s *shop) awaitRefusal(t *testing.T, text string) {
	t.Helper()
	probe := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "networking.istio.io/v1", "kind": "DestinationRule",
		"metadata": map[string]any{"name": "probe", "annotations": map[string]any{"text": text}}, "spec": map[string]any{"host": "probe.example.com"},
	}}
	eventually(t, "the webhook", func(ctx context.Context) string {
		_, err := s.objects.Resource(destinationRules).Namespace(s.namespace).Create(ctx, probe, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil {
			return "it is not asked yet"
		}
		return ""
	})
}

var policies = schema.GroupVersionResource{Group: v1alpha1.GroupName, Version: "v1alpha1", Resource: "overridepolicies"}

// policy creates an OverridePolicy with the name of its target.
func (s *shop) policy(t *testing.T, service string) {
	t.Helper()
	_, err := s.objects.Resource(policies).Namespace(s.namespace).Create(t.Context(), &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": v1alpha1.GroupName + "/v1alpha1", "kind": "OverridePolicy", "metadata": map[string]any{"name": service},
		"spec": map[string]any{
			"targetRefs": []any{map[string]any{"group": "", "kind": "Service", "name": service}},
			"released":   map[string]any{"versions": []any{"v1"}},
		},
	}}, metav1.CreateOptions{})
	check(t, err)
}

// condition is a wanted condition of a policy's only target; the message must contain a
// text.
type condition struct{ kind, status, reason, message string }

// hasCondition waits for a condition.
func (s *shop) hasCondition(t *testing.T, policy string, want condition) {
	t.Helper()
	eventually(t, "condition "+want.kind, func(ctx context.Context) string {
		u, err := s.objects.Resource(policies).Namespace(s.namespace).Get(ctx, policy, metav1.GetOptions{})
		if err != nil {
			return err.Error()
		}
		var p v1alpha1.OverridePolicy
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(u.Object, &p); err != nil {
			return err.Error()
		}
		for _, target := range p.Status.Targets {
			for _, c := range target.Conditions {
				if c.Type == want.kind && string(c.Status) == want.status && c.Reason == want.reason && strings.Contains(c.Message, want.message) && c.ObservedGeneration == p.Generation {
					return ""
				}
			}
		}
		return fmt.Sprintf("status is %+v", p.Status)
	})
}

// TestPolicyStatus: a policy reports for its target whether it applies and whether the
// resulting objects are in place, and is written only when that changes.
func TestPolicyStatus(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "policy")
	s.policy(t, "cart")
	s.policy(t, "nobody")
	run(t, s.config, options(s.namespace))
	s.hasCondition(t, "nobody", condition{v1alpha1.PolicyConditionAccepted, "False", v1alpha1.PolicyReasonTargetNotFound, "nobody"})
	s.hasCondition(t, "cart", condition{v1alpha1.PolicyConditionAccepted, "True", v1alpha1.PolicyReasonAccepted, ""})
	s.hasCondition(t, "cart", condition{v1alpha1.PolicyConditionProgrammed, "True", v1alpha1.PolicyReasonNothingToOverride, ""})
	s.deploy(t, "v2")
	s.converges(t, 2)
	s.hasCondition(t, "cart", condition{v1alpha1.PolicyConditionProgrammed, "True", v1alpha1.PolicyReasonProgrammed, ""})
	version := func() string {
		t.Helper()
		u, err := s.objects.Resource(policies).Namespace(s.namespace).Get(t.Context(), "cart", metav1.GetOptions{})
		check(t, err)
		return u.GetResourceVersion()
	}
	before := version()
	s.ready(t, "v2", true)
	s.converges(t, 2)
	s.deploy(t, "v3")
	s.converges(t, 2)
	if after := version(); before != after {
		t.Errorf("the policy was written to: %s, before %s", after, before)
	}
}

// TestKindsThatCome: without Istio there is nothing to write; when its kinds are
// installed the operator uses them, and also its own kind.
func TestKindsThatCome(t *testing.T) {
	t.Parallel()
	plane := ownPlane(t)
	s := openShop(t, plane, "kinds")
	r := run(t, s.config, options(s.namespace))
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	eventually(t, "the operator", func(context.Context) string {
		if !strings.Contains(r.log.String(), "Istio's kinds are not installed") {
			return "it does not say so yet"
		}
		return ""
	})
	r.expect(t, "without Istio's kinds")
	check(t, installCRDs(t.Context(), plane))
	s.converges(t, 2)
	s.policy(t, "cart")
	s.hasCondition(t, "cart", condition{v1alpha1.PolicyConditionProgrammed, "True", v1alpha1.PolicyReasonProgrammed, ""})
	definitions := schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}
	check(t, s.objects.Resource(definitions).Delete(t.Context(), "overridepolicies."+v1alpha1.GroupName, metav1.DeleteOptions{}))
	s.deploy(t, "v3")
	s.converges(t, 2)
	check(t, plane.InstallCRDs(t.Context(), policyCRD))
	s.policy(t, "cart")
	s.hasCondition(t, "cart", condition{v1alpha1.PolicyConditionProgrammed, "True", v1alpha1.PolicyReasonProgrammed, ""})
}
