package operator

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	admissionv1 "k8s.io/api/admission/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/webhook/admission"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// newPodWebhook has a store with a Service and a released pod, or one that is not synced.
func newPodWebhook(synced bool) *podWebhook {
	options := DefaultOptions()
	options.Namespaces = []string{"shop"}
	s := newStore(&options)
	a := &podWebhook{store: s, synced: func() bool { return synced }, options: &options, metrics: newGateMetrics(), log: slog.New(slog.DiscardHandler)}
	a.put(&corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart"},
		Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "cart"}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
	})
	a.put(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "cart-v1", Labels: map[string]string{"app": "cart", "version": "v1"},
		CreationTimestamp: metav1.NewTime(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)),
	}})
	return a
}

// put stores an object as the informer does.
func (a *podWebhook) put(object client.Object) {
	for i := range kinds {
		if k := &kinds[i]; k.typed != nil && reflect.TypeOf(k.typed) == reflect.TypeOf(object) {
			if x, ok := must(k.transform(object)).(*item); ok {
				a.store.put(diag.Object{Kind: k.Name, Namespace: object.GetNamespace(), Name: object.GetName()}, x)
			}
		}
	}
}

const preview = `{"apiVersion":"v1","kind":"Pod","metadata":{"generateName":"cart-","labels":{"app":"cart","version":"v2"}},"spec":{"containers":[],"fieldOfTomorrow":1}}`

func create(pod string) admission.Request {
	return admission.Request{AdmissionRequest: admissionv1.AdmissionRequest{
		UID: "1", Operation: admissionv1.Create, Resource: podsResource, Namespace: "shop", Object: runtime.RawExtension{Raw: []byte(pod)},
	}}
}

// TestAdmit: every pod is allowed, and only known previews are patched, in one field.
func TestAdmit(t *testing.T) {
	t.Parallel()
	const add = `[{"op":"add","path":"/spec/readinessGates","value":[{"conditionType":"overrides.mesh/pinned"}]}]`
	with := func(change func(r *admission.Request)) admission.Request {
		r := create(preview)
		change(&r)
		return r
	}
	tests := []struct {
		name     string
		request  admission.Request
		unsynced bool
		want     string
	}{
		{name: "a preview", request: create(preview), want: add},
		{name: "of a dry run", request: with(func(r *admission.Request) { yes := true; r.DryRun = &yes }), want: add},
		{
			name: "with a gate of its own", request: create(strings.Replace(preview, `"containers"`, `"readinessGates":[{"conditionType":"example.com/in"}],"containers"`, 1)),
			want: `[{"op":"add","path":"/spec/readinessGates/-","value":{"conditionType":"overrides.mesh/pinned"}}]`,
		},
		{name: "with no gates", request: create(strings.Replace(preview, `"containers"`, `"readinessGates":[],"containers"`, 1)), want: add},
		{name: "with ours", request: create(strings.Replace(preview, `"containers"`, `"readinessGates":[{"conditionType":"overrides.mesh/pinned"}],"containers"`, 1))},
		{name: "a released pod", request: create(strings.Replace(preview, "v2", "v1", 1))},
		{name: "nothing known yet", request: create(preview), unsynced: true},
		{name: "a namespace that is not managed", request: with(func(r *admission.Request) { r.Namespace = "other" })},
		{name: "a namespace in the pod only", request: with(func(r *admission.Request) {
			r.Namespace = "other"
			r.Object.Raw = []byte(strings.Replace(preview, `"generateName"`, `"namespace":"shop","generateName"`, 1))
		})},
		{name: "an update", request: with(func(r *admission.Request) { r.Operation = admissionv1.Update })},
		{name: "a deletion", request: with(func(r *admission.Request) { r.Operation = admissionv1.Delete; r.Object.Raw = nil })},
		{name: "a subresource", request: with(func(r *admission.Request) { r.SubResource = "status" })},
		{name: "something else", request: with(func(r *admission.Request) { r.Resource.Resource = "services" })},
		{name: "no object", request: create("")},
		{name: "no JSON", request: create("\x00{")},
		{name: "no pod", request: create(`{"spec":"x","metadata":[]}`)},
		{name: "null", request: create("null")},
		{name: "labels that are none", request: create(`{"metadata":{"labels":{"app":5}}}`)},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			a := newPodWebhook(!test.unsynced)
			response := a.Handle(t.Context(), test.request)
			if !response.Allowed {
				t.Errorf("rejected: %v", response.Result)
			}
			got := ""
			if len(response.Patches) > 0 {
				text, err := json.Marshal(response.Patches)
				if err != nil {
					t.Fatal(err)
				}
				got = string(text)
			}
			if got != test.want {
				t.Errorf("patched with %s, want %s", got, test.want)
			}
		})
	}
}

// TestAdmitAfterPanic: a panic rejects no pod.
func TestAdmitAfterPanic(t *testing.T) {
	t.Parallel()
	a := newPodWebhook(true)
	a.store = nil
	if response := a.Handle(t.Context(), create(preview)); !response.Allowed || len(response.Patches) > 0 {
		t.Errorf("answered %v", response)
	}
}

// TestAdmitOverHTTP: the webhook answers an invalid review, and then a valid one.
func TestAdmitOverHTTP(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(&admission.Webhook{Handler: newPodWebhook(true)})
	defer server.Close()
	post := func(body []byte) string {
		t.Helper()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodPost, server.URL, bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Content-Type", "application/json")
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		text, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, garbage := range []string{"", "{", "null", `{"kind":"AdmissionReview"}`, strings.Repeat("x", 1<<16)} {
		post([]byte(garbage))
	}
	request := create(preview).AdmissionRequest
	review, err := json.Marshal(admissionv1.AdmissionReview{
		TypeMeta: metav1.TypeMeta{APIVersion: "admission.k8s.io/v1", Kind: "AdmissionReview"}, Request: &request,
	})
	if err != nil {
		t.Fatal(err)
	}
	if answer := post(review); !strings.Contains(answer, `"allowed":true`) || !strings.Contains(answer, `"patchType":"JSONPatch"`) {
		t.Errorf("answered %s", answer)
	}
}

// BenchmarkAdmit measures one pod in a namespace with many Services and pods.
func BenchmarkAdmit(b *testing.B) {
	a := newPodWebhook(true)
	for i := range 1000 {
		s := &corev1.Service{
			ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: fmt.Sprintf("s%d", i)},
			Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": fmt.Sprintf("s%d", i)}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}},
		}
		a.put(s)
		for j := range 5 {
			a.put(&corev1.Pod{ObjectMeta: metav1.ObjectMeta{
				Namespace: "shop", Name: fmt.Sprintf("s%d-%d", i, j), Labels: map[string]string{"app": s.Name, "version": "v1"},
			}})
		}
	}
	request := create(preview)
	b.ReportAllocs()
	for b.Loop() {
		if response := a.Handle(b.Context(), request); len(response.Patches) != 1 {
			b.Fatalf("answered %v", response)
		}
	}
}
