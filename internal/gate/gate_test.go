package gate_test

import (
	"bytes"
	"os"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/gate"
	"github.com/overrides-mesh/overrides/internal/model"
)

var now = time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)

func shop(t *testing.T) *discover.Objects {
	t.Helper()
	text, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	out := &discover.Objects{Cluster: true}
	for document := range bytes.SplitSeq(text, []byte("---\n")) {
		text, err := yaml.YAMLToJSON(document)
		if err != nil {
			t.Fatal(err)
		}
		if diags := out.Decode(text, "shop", diag.Origin{}); len(diags) > 0 {
			t.Fatal(diags)
		}
	}
	return out
}

// labels makes labels from alternating keys and values.
func labels(pairs ...string) map[string]string {
	out := map[string]string{}
	for i := 0; i+1 < len(pairs); i += 2 {
		out[pairs[i]] = pairs[i+1]
	}
	return out
}

// made is a pod created by a ReplicaSet.
func made(deployment string, l map[string]string) *corev1.Pod {
	yes := true
	l["pod-template-hash"] = "77"
	return &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", GenerateName: deployment + "-77-", Labels: l,
		OwnerReferences: []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: deployment + "-77", Controller: &yes}},
	}}
}

// TestWanted: exactly those pods get the gate that a Service pins ordinary traffic away from.
func TestWanted(t *testing.T) {
	t.Parallel()
	static := made("cart-next", labels("app", "cart", "version", "r2"))
	static.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: "x"}
	gated := made("cart-next", labels("app", "cart", "version", "r2"))
	gated.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: "example.com/in"}, {ConditionType: gate.Condition}}
	elsewhere := made("cart-next", labels("app", "cart", "version", "r2"))
	elsewhere.Namespace = "other"
	tests := []struct {
		name string
		pod  *corev1.Pod
		want bool
	}{
		{"another workload, that came later", made("cart-next", labels("app", "cart", "version", "r2")), true},
		{"the same version of another workload", made("cart-next", labels("app", "cart", "version", "r1")), true},
		{"without a version", made("cart-next", labels("app", "cart")), true},
		{"a bare pod", &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "try", Labels: labels("app", "cart", "version", "r2")}}, true},
		{"marked as a preview, of the released workload", made("cart", labels("app", "cart", "track", "stable", "version", "r2", "overrides.mesh/preview", "true")), true},
		{"of the released workload", made("cart", labels("app", "cart", "track", "stable", "version", "r1")), false},
		{"rolled in place", made("cart", labels("app", "cart", "track", "stable", "version", "r2")), false},
		{"of the version named as released", made("stock-canary", labels("app", "stock", "version", "v1")), false},
		{"of another one", made("stock", labels("app", "stock", "version", "v2")), true},
		{"behind no Service", made("x", labels("app", "x", "version", "v2")), false},
		{"behind one that opted out", made("mail-next", labels("app", "mail", "version", "v2")), false},
		{"behind one without HTTP", made("base-next", labels("app", "base", "version", "v2")), false},
		{"of an isolated version", made("cart-v9", labels("app", "cart-v9", "version", "v9")), false},
		{"in another namespace", elsewhere, false},
		{"with the gate already", gated, false},
		{"created by a kubelet", static, false},
		{"empty", &corev1.Pod{}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			objects := shop(t)
			before := len(objects.Pods)
			if got := gate.Wanted(objects, model.DefaultOptions(), test.pod, now); got != test.want {
				t.Errorf("wanted %t, want %t", got, test.want)
			}
			if len(objects.Pods) != before {
				t.Error("the objects were changed")
			}
		})
	}
}

// TestFirstPodIsReleased: a pod is released if no other exists.
func TestFirstPodIsReleased(t *testing.T) {
	t.Parallel()
	objects := shop(t)
	objects.Pods, objects.Workloads = nil, nil
	if gate.Wanted(objects, model.DefaultOptions(), made("cart", labels("app", "cart", "version", "r1")), now) {
		t.Error("the first pod of a Service is held up")
	}
	if gate.Wanted(&discover.Objects{}, model.DefaultOptions(), made("cart", labels("app", "cart")), now) {
		t.Error("an unknown pod is held up")
	}
}

func TestWaits(t *testing.T) {
	t.Parallel()
	condition := func(kind corev1.PodConditionType, status corev1.ConditionStatus) corev1.PodCondition {
		return corev1.PodCondition{Type: kind, Status: status}
	}
	tests := []struct {
		name       string
		gates      []corev1.PodReadinessGate
		conditions []corev1.PodCondition
		want       bool
	}{
		{name: "no gate"},
		{name: "another's", gates: []corev1.PodReadinessGate{{ConditionType: "example.com/in"}}},
		{name: "no condition", gates: []corev1.PodReadinessGate{{ConditionType: gate.Condition}}, want: true},
		{
			name: "others' conditions", gates: []corev1.PodReadinessGate{{ConditionType: gate.Condition}},
			conditions: []corev1.PodCondition{condition(corev1.PodReady, corev1.ConditionTrue)}, want: true,
		},
		{
			name: "false", gates: []corev1.PodReadinessGate{{ConditionType: gate.Condition}},
			conditions: []corev1.PodCondition{condition(gate.Condition, corev1.ConditionFalse)}, want: true,
		},
		{
			name: "open", gates: []corev1.PodReadinessGate{{ConditionType: gate.Condition}},
			conditions: []corev1.PodCondition{condition(corev1.PodReady, corev1.ConditionFalse), condition(gate.Condition, corev1.ConditionTrue)},
		},
		{name: "open without a gate", conditions: []corev1.PodCondition{condition(gate.Condition, corev1.ConditionTrue)}},
	}
	for _, test := range tests {
		pod := &corev1.Pod{Spec: corev1.PodSpec{ReadinessGates: test.gates}, Status: corev1.PodStatus{Conditions: test.conditions}}
		if got := gate.Waits(pod); got != test.want {
			t.Errorf("%s: waits %t, want %t", test.name, got, test.want)
		}
	}
}
