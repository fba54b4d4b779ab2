package operator

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	goruntime "runtime"
	"slices"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// BenchmarkPass is one look at a cluster in which everything is as it is to be:
// what each change costs, whatever it is about.
func BenchmarkPass(b *testing.B) {
	for _, n := range []int{100, 1000} {
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			options := DefaultOptions()
			options.AllNamespaces = true
			s := newStore(&options)
			for i := range n {
				fill(b, s, fmt.Sprintf("service-%d", i))
			}
			r := newReconciler(&options, s, parts{})
			settleAll(b, r)
			live := liveBytes()
			b.ReportAllocs()
			for b.Loop() {
				if out := planOf(b, r); len(out.Steps) > 0 {
					b.Fatalf("%d steps", len(out.Steps))
				}
			}
			b.ReportMetric(float64(live)/(1<<20), "MiB-live")
			goruntime.KeepAlive(r)
		})
	}
}

// BenchmarkTell is what a pass tells, in a cluster in which nothing is new: what is so of
// each Service, the metrics, and the Events.
func BenchmarkTell(b *testing.B) {
	options := DefaultOptions()
	options.AllNamespaces = true
	s := newStore(&options)
	for i := range 1000 {
		fill(b, s, fmt.Sprintf("service-%d", i))
	}
	m := newMetrics()
	r := newReconciler(&options, s, parts{metrics: m, recorder: discarder{}, log: slog.New(slog.DiscardHandler)})
	settleAll(b, r)
	p := r.look()
	p.planned = planOf(b, r)
	diags := p.diags
	b.ReportAllocs()
	for b.Loop() {
		p.diags = slices.Clone(diags)
		p.findCurrent(r.options.DryRun)
		r.events.tell(p)
		m.passed(p, 0)
	}
}

// discarder takes Events and does nothing with them.
type discarder struct{}

// Eventf implements [events.EventRecorder].
func (discarder) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

// liveBytes is what is in use.
func liveBytes() uint64 {
	var stats goruntime.MemStats
	goruntime.GC()
	goruntime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// settleAll stores what is planned, as the API server would, until nothing is.
func settleAll(b *testing.B, r *reconciler) {
	b.Helper()
	r.options.Plan = plan.Options{}
	for range 5 {
		out := planOf(b, r)
		for _, step := range out.Steps {
			r.store.items[step.Object.Object] = &item{Object: &metav1.ObjectMeta{}, seen: stored(b, step.Object)}
		}
	}
}

func planOf(b *testing.B, r *reconciler) plan.Output {
	b.Helper()
	p := r.look()
	out, err := plan.Plan(plan.Input{
		Snapshot: p.snapshot, Result: &p.result, Observed: p.observed(), Memory: r.memory, Now: time.Now(), Options: r.options.Plan, Backend: istio.Backend{},
	})
	if err != nil {
		b.Fatal(err)
	}
	r.memory = out.Memory
	return out
}

// stored is an object as it is read back.
func stored(b *testing.B, o istio.Object) *apply.Seen {
	b.Helper()
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(o.JSON, &u.Object); err != nil {
		b.Fatal(err)
	}
	all := metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{},"f:annotations":{}},"f:spec":{}}`)
	u.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: apply.Manager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: all}})
	u.SetUID(types.UID(o.Name + o.Kind))
	seen, err := apply.Read(u)
	if err != nil {
		b.Fatal(err)
	}
	return seen
}

// fill puts a Service with two versions, of five pods, into a store, as they come
// from an API server: no two objects share a string.
func fill(b *testing.B, s *store, service string) {
	b.Helper()
	put(b, s, "Service", &corev1.Service{ObjectMeta: named(service, map[string]string{"app": service}), Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": service}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}}, ClusterIP: "10.96.0.1",
	}}, &corev1.Service{})
	slice := &discoveryv1.EndpointSlice{ObjectMeta: named(service, map[string]string{
		discoveryv1.LabelServiceName: service, discoveryv1.LabelManagedBy: "endpointslice-controller.k8s.io",
	})}
	for version, pods := range map[string]int{"v1": 3, "v2": 2} {
		labels := map[string]string{
			"app": service, "version": version, "app.kubernetes.io/name": service, "app.kubernetes.io/part-of": "shop", "team": "shop",
		}
		selector := map[string]string{"app": service, "version": version}
		put(b, s, "Deployment", &appsv1.Deployment{ObjectMeta: named(service+"-"+version, labels), Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: selector}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec()},
		}}, &appsv1.Deployment{})
		for i := range pods {
			pod := &corev1.Pod{ObjectMeta: named(fmt.Sprintf("%s-%s-5d4f8c7b9-%05d", service, version, i), maps.Clone(labels)), Spec: podSpec()}
			pod.Labels["pod-template-hash"] = "5d4f8c7b9"
			pod.OwnerReferences = []metav1.OwnerReference{{APIVersion: "apps/v1", Kind: "ReplicaSet", Name: service + "-" + version + "-5d4f8c7b9", UID: uid, Controller: new(true)}}
			pod.Status = corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.244.0.1", Conditions: []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}}
			put(b, s, "Pod", pod, &corev1.Pod{})
			slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
				Addresses: []string{"10.244.0.1"}, Conditions: discoveryv1.EndpointConditions{Ready: new(true), Serving: new(true)},
				TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: pod.Name, Namespace: pod.Namespace, UID: uid}, NodeName: new("node"),
			})
		}
	}
	put(b, s, "EndpointSlice", slice, &discoveryv1.EndpointSlice{})
}

const uid = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"

func named(name string, labels map[string]string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: "shop", Name: name, Labels: labels, UID: uid, ResourceVersion: "12345", CreationTimestamp: metav1.Now(),
		Annotations: map[string]string{"deployment.kubernetes.io/revision": "1"},
	}
}

func podSpec() corev1.PodSpec {
	return corev1.PodSpec{NodeName: "node", Containers: []corev1.Container{{Name: "app", Image: "example.com/app"}}}
}

// put has a store take an object as an informer does, decoded into another one.
func put[T interface {
	metav1.Object
	Marshal() ([]byte, error)
	Unmarshal([]byte) error
}](b *testing.B, s *store, kindName string, object, decoded T) {
	b.Helper()
	text, err := object.Marshal()
	if err == nil {
		err = decoded.Unmarshal(text)
	}
	if err != nil {
		b.Fatal(err)
	}
	kept, err := (&kind{}).transform(decoded)
	if err != nil {
		b.Fatal(err)
	}
	s.put(diag.Object{Kind: kindName, Namespace: "shop", Name: object.GetName()}, kept.(*item))
}
