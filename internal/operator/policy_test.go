package operator

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// TestStatusNamesItsTarget: each target gets the message about itself, even if its name is a
// part of another one's.
func TestStatusNamesItsTarget(t *testing.T) {
	t.Parallel()
	policy := func(name string, targets ...string) (*v1alpha1.OverridePolicy, model.Policy) {
		out := &v1alpha1.OverridePolicy{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: name}}
		for _, target := range targets {
			out.Spec.TargetRefs = append(out.Spec.TargetRefs, v1alpha1.TargetReference{Kind: "Service", Name: target})
		}
		return out, model.Policy{Namespace: "shop", Name: name, Services: targets}
	}
	_, governing := policy("a", "cart", "cart-old")
	_, also := policy("b", "cart-canary")
	asked, second := policy("c", "cart-v2", "v2", "cart-canary", "cart-old", "cart")
	snapshot := &model.Snapshot{Options: model.DefaultOptions(), Policies: []model.Policy{governing, also, second}}
	for _, name := range []string{"cart", "cart-canary", "cart-old"} {
		snapshot.Services = append(snapshot.Services, model.Service{Namespace: "shop", Name: name})
	}
	p := &islandState{look: look{result: compile.Compile(snapshot)}}
	p.diags = p.result.Diagnostics
	got := map[string]string{}
	status := statusOf(asked, p)
	for _, target := range status.Targets {
		got[target.TargetRef.Name] = meta.FindStatusCondition(target.Conditions, v1alpha1.PolicyConditionAccepted).Message
	}
	want := map[string]string{
		"cart-v2":     "there is no Service cart-v2 in namespace shop",
		"v2":          "there is no Service v2 in namespace shop",
		"cart":        "OverridePolicy a already applies to Service cart",
		"cart-old":    "OverridePolicy a already applies to Service cart-old",
		"cart-canary": "OverridePolicy b already applies to Service cart-canary",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// TestProgrammedSaysWhatWaits: a policy whose released version is not ready or missing is
// not programmed, and the message says where ordinary traffic stays.
func TestProgrammedSaysWhatWaits(t *testing.T) {
	t.Parallel()
	service := diag.Object{Kind: "Service", Namespace: "shop", Name: "cart"}
	for _, test := range []struct {
		code    diag.Code
		missing bool
		held    plan.Reason
		reason  string
	}{
		{diag.ReleasedNotReady, false, plan.ReleasedNotReady, v1alpha1.PolicyReasonPending},
		{diag.ReleasedNotFound, true, plan.ReleasedNotFound, v1alpha1.PolicyReasonInvalid},
		{diag.ReleasedNotFound, true, "", v1alpha1.PolicyReasonInvalid},
	} {
		s := &compile.Service{Namespace: "shop", Name: "cart", State: compile.Managed, ReleasedMissing: test.missing}
		p := &islandState{look: look{result: compile.Result{Services: []compile.Service{*s}}}}
		said := []diag.Diagnostic{diag.New(test.code, service, "ordinary traffic stays")}
		p.diags = append(exceptFor([]diag.Diagnostic{diag.New(test.code, service, "as compiled")}, said), said...)
		if test.held != "" {
			p.planned.Blocked = []plan.Blocked{{Object: diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart" + compile.ObjectSuffix}, Reason: test.held}}
		}
		got := programmedFor(s, p)
		if got.Status != metav1.ConditionFalse || got.Reason != test.reason || got.Message != "ordinary traffic stays" {
			t.Errorf("%s, held %q: %v", test.code, test.held, got)
		}
	}
}
