package operator

import (
	"encoding/json"
	"fmt"
	"runtime"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
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
			settle(b, r)
			live := liveBytes()
			b.ReportAllocs()
			for b.Loop() {
				if out := planOf(b, r); len(out.Steps) > 0 {
					b.Fatalf("%d steps", len(out.Steps))
				}
			}
			b.ReportMetric(float64(live)/(1<<20), "MiB-live")
			runtime.KeepAlive(r)
		})
	}
}

// liveBytes is what is in use.
func liveBytes() uint64 {
	var stats runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// settle stores what is planned, as the API server would, until nothing is.
func settle(b *testing.B, r *reconciler) {
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
		Snapshot: p.snapshot, Result: &p.result, Observed: p.observed(), Memory: r.memory, Now: time.Now(), Options: r.options.Plan,
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

// fill puts a Service with two versions into a store.
func fill(b *testing.B, s *store, service string) {
	b.Helper()
	put := func(kindName string, object metav1.Object) {
		kept, err := (&kind{}).transform(object)
		if err != nil {
			b.Fatal(err)
		}
		s.put(diag.Object{Kind: kindName, Namespace: "shop", Name: object.GetName()}, kept.(*item))
	}
	yes := true
	slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: service, Labels: map[string]string{discoveryv1.LabelServiceName: service}}}
	put("Service", &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: service}, Spec: corev1.ServiceSpec{
		Selector: map[string]string{"app": service}, Ports: []corev1.ServicePort{{Name: "http", Port: 80}},
	}})
	for _, version := range []string{"v1", "v2"} {
		labels := map[string]string{"app": service, "version": version}
		put("Deployment", &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: service + "-" + version}, Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels}, Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}},
		}})
		pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: service + "-" + version + "-hash-x", Labels: map[string]string{
			"app": service, "version": version, "pod-template-hash": "hash",
		}, OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: service + "-" + version + "-hash", Controller: &yes}}}}
		put("Pod", pod)
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: pod.Name}})
	}
	put("EndpointSlice", slice)
}
