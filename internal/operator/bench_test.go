package operator

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"maps"
	goruntime "runtime"
	"slices"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	istioapi "istio.io/api/networking/v1alpha3"
	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	istiosecv1 "istio.io/client-go/pkg/apis/security/v1"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// BenchmarkChange measures one change in a cluster in which everything else is up to date: a
// pod of one Service becomes ready, or no longer is.
func BenchmarkChange(b *testing.B) {
	for _, n := range []int{100, 1000, 10000} {
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			r := cluster(b, n)
			live := liveBytes()
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				i++
				r.change(b.Context(), i%n)
			}
			b.ReportMetric(float64(live)/(1<<20), "MiB-live")
			goruntime.KeepAlive(r)
		})
	}
}

// change changes the endpoints of a Service, and runs a cycle.
func (r *reconciler) change(ctx context.Context, service int) {
	name := diag.Object{Kind: "EndpointSlice", Namespace: "shop", Name: fmt.Sprintf("service-%d", service)}
	x := *r.store.items[name]
	slice := *x.Object.(*discover.EndpointSlice)
	slice.Ready = slices.Clone(slice.Ready)
	slice.Ready[0] += "-" // an endpoint that is no pod's
	x.Object = &slice
	r.store.put(name, &x)
	r.reconcile(ctx)
}

// BenchmarkClosedChange measures one change of a Service with closed previews, where others
// have none, and each namespace has an AuthorizationPolicy.
func BenchmarkClosedChange(b *testing.B) {
	for _, n := range []int{100, 3000} {
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			r := cluster(b, n)
			r.options.GatewayPolicies = true
			r.close(0, n)
			r.reconcile(b.Context())
			b.ReportAllocs()
			for b.Loop() {
				r.change(b.Context(), 0)
			}
		})
	}
}

// BenchmarkEntries measures reading what policies of gateways depend on, in a cluster with a
// Gateway.
func BenchmarkEntries(b *testing.B) {
	for _, n := range []int{100, 3000} {
		b.Run(fmt.Sprintf("%d", n), func(b *testing.B) {
			r := cluster(b, n)
			r.close(0, n)
			r.reconcile(b.Context())
			r.store.put(diag.Object{Kind: "Gateway", Namespace: "shop", Name: "public"}, &item{Object: &istionetv1.Gateway{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "public"}, Spec: istioapi.Gateway{Selector: map[string]string{"app": "service-1"}},
			}})
			r.store.entryInput() // finds the pods of the new selector
			b.ReportAllocs()
			for b.Loop() {
				if in := r.store.entryInput(); len(in.objects.Gateways) != 1 || len(in.objects.Pods) != 5 || len(in.needs) != 1 {
					b.Fatalf("it has %d gateways, %d pods, %d needs", len(in.objects.Gateways), len(in.objects.Pods), len(in.needs))
				}
			}
		})
	}
}

// close closes the previews of a Service, and puts an AuthorizationPolicy into n namespaces.
func (r *reconciler) close(service, n int) {
	name := diag.Object{Kind: "Service", Namespace: "shop", Name: fmt.Sprintf("service-%d", service)}
	x := *r.store.items[name]
	changed := x.Object.(*corev1.Service).DeepCopy()
	changed.Annotations = map[string]string{discover.ClosedAnnotation: "true"}
	x.Object = changed
	r.store.put(name, &x)
	for i := range n {
		policy := &istiosecv1.AuthorizationPolicy{ObjectMeta: metav1.ObjectMeta{Namespace: fmt.Sprintf("team-%d", i), Name: "callers"}}
		if i == 0 {
			policy.Namespace = "shop"
		}
		r.store.put(diag.Object{Kind: "AuthorizationPolicy", Namespace: policy.Namespace, Name: policy.Name}, &item{Object: policy})
	}
}

// BenchmarkStart measures the first cycle in a cluster in which everything is up to date.
func BenchmarkStart(b *testing.B) {
	r := cluster(b, 1000)
	b.ReportAllocs()
	for b.Loop() {
		again := newTestReconciler(r.options, r.store)
		for name := range r.store.items {
			r.store.pending[name] = true
		}
		again.reconcile(b.Context())
	}
}

// cluster has n Services, with everything up to date.
func cluster(b *testing.B, n int) *reconciler {
	b.Helper()
	options := DefaultOptions()
	options.AllNamespaces = true
	options.Plan = plan.Options{}
	s := newStore(&options)
	for i := range n {
		fill(b, s, fmt.Sprintf("service-%d", i))
	}
	r := newTestReconciler(&options, s)
	for settled := false; !settled; settled = r.isSettled() {
		r.reconcile(b.Context())
		for !r.writer.isIdle() {
			<-r.writer.ended
		}
	}
	return r
}

// isSettled reports whether everything is up to date.
func (r *reconciler) isSettled() bool {
	r.writer.mu.Lock()
	defer r.writer.mu.Unlock()
	return len(r.store.pending)+len(r.store.replaced)+len(r.writer.finished) == 0
}

// isIdle reports whether there is nothing to write.
func (w *writer) isIdle() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return len(w.queue.inFlight)+len(w.queue.steps) == 0
}

func newTestReconciler(options *Options, s *store) *reconciler {
	log := slog.New(slog.DiscardHandler)
	m := newMetrics()
	r := newReconciler(options, s, parts{metrics: m, recorder: discarder{}, log: log, policy: &policyWriter{log: log, statuses: map[types.UID]*policyStatus{}}})
	r.synced, r.hasMesh = func() bool { return true }, func() bool { return true }
	r.writer.client = storing{}
	return r
}

// storing takes steps as an API server does.
type storing struct{}

// Do implements [stepClient].
func (storing) Do(_ context.Context, step plan.Step, _ *apply.Seen) (*apply.Seen, error) {
	return stored(step.Object)
}

// discarder discards Events.
type discarder struct{}

// Eventf implements [events.EventRecorder].
func (discarder) Eventf(runtime.Object, runtime.Object, string, string, string, string, ...any) {}

// liveBytes returns the size of the live heap.
func liveBytes() uint64 {
	var stats goruntime.MemStats
	goruntime.GC()
	goruntime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// stored is an object as it is read back.
func stored(o istio.Object) (*apply.Seen, error) {
	u := &unstructured.Unstructured{}
	if err := json.Unmarshal(o.JSON, &u.Object); err != nil {
		return nil, err
	}
	all := metav1.NewFieldsV1(`{"f:metadata":{"f:labels":{},"f:annotations":{}},"f:spec":{}}`)
	u.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: apply.Manager, Operation: metav1.ManagedFieldsOperationApply, FieldsV1: all}})
	u.SetUID(types.UID(o.Name + o.Kind))
	return apply.Read(u)
}

// fill puts a Service with two versions, each with five pods, into a store. As from an API
// server, no two objects share a string.
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
			pod.Annotations["sidecar.istio.io/status"] = "{}"
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

// put puts an object into a store as an informer does, decoded into a new object.
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
