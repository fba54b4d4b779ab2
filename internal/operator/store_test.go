package operator

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	toolscache "k8s.io/client-go/tools/cache"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/gate"
	"github.com/overrides-mesh/overrides/internal/model"
)

var name = diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"}

func seen(uid types.UID, version string) *apply.Seen {
	out := &apply.Seen{UID: uid, ResourceVersion: version}
	out.Object = name
	return out
}

func ours(uid types.UID, version string) *item {
	return &item{Object: &discover.Meta{Namespace: name.Namespace, Name: name.Name, UID: uid}, version: version, byVersion: true, seen: seen(uid, version)}
}

func theirs(uid types.UID, version string) *item {
	return &item{Object: &discover.Meta{Namespace: name.Namespace, Name: name.Name, UID: uid}, version: version, byVersion: true}
}

// TestWritesAndEvents: the store has the newest known state of an object, in whatever order
// the response to a write and the events of the informer arrive.
func TestWritesAndEvents(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		do   func(s *store)
		// want is the resource version in the store; "" for none.
		want string
	}{
		{"a write is known before its event", func(s *store) { s.wrote(name, nil, seen("a", "2")) }, "2"},
		{"the event of an earlier state is no news", func(s *store) {
			s.wrote(name, seen("a", "1"), seen("a", "2"))
			s.put(name, ours("a", "1"))
		}, "2"},
		{"a later event is", func(s *store) {
			s.wrote(name, nil, seen("a", "2"))
			s.put(name, ours("a", "10"))
		}, "10"},
		{"a later event came first", func(s *store) {
			s.put(name, ours("a", "10"))
			s.wrote(name, seen("a", "1"), seen("a", "2"))
		}, "10"},
		{"somebody took it over before the answer came", func(s *store) {
			s.put(name, theirs("a", "10"))
			s.wrote(name, seen("a", "1"), seen("a", "2"))
		}, "10"},
		{"it was deleted before the answer came", func(s *store) {
			s.put(name, ours("a", "2"))
			s.remove(name, ours("a", "3"))
			s.wrote(name, nil, seen("a", "2"))
		}, ""},
		{"a deletion is known before its event", func(s *store) {
			s.put(name, ours("a", "1"))
			s.wrote(name, seen("a", "1"), nil)
		}, ""},
		{"it was made again before the answer to the deletion came", func(s *store) {
			s.put(name, ours("a", "1"))
			s.put(name, ours("b", "5"))
			s.wrote(name, seen("a", "1"), nil)
		}, "5"},
		{"the end of another object of that name", func(s *store) {
			s.put(name, ours("b", "5"))
			s.remove(name, ours("a", "1"))
		}, "5"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(&Options{AllNamespaces: true})
			test.do(s)
			got := ""
			if x := s.items[name]; x != nil {
				got = x.version
			}
			if got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestEquivalentStates: states of an object with the same effect wake nobody.
func TestEquivalentStates(t *testing.T) {
	t.Parallel()
	s := newStore(&Options{AllNamespaces: true})
	pod := diag.Object{Kind: "Pod", Namespace: "shop", Name: "cart"}
	put := func(change func(*corev1.Pod)) bool {
		t.Helper()
		p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart", Labels: map[string]string{"app": "cart"}}}
		p.Status.Phase = corev1.PodRunning
		change(p)
		version := p.ResourceVersion
		kept, err := (&kind{}).transform(p)
		if err != nil {
			t.Fatal(err)
		}
		if key, err := toolscache.MetaNamespaceKeyFunc(kept); key != "shop/cart" || err != nil {
			t.Errorf("the informer's key is %q: %v", key, err)
		}
		if known, err := meta.Accessor(kept); err != nil || known.GetResourceVersion() != version || known.GetUID() != p.UID {
			t.Errorf("the informer's metadata is %v: %v", known, err)
		}
		s.put(pod, kept.(*item))
		select {
		case <-s.changed:
			return true
		default:
			return false
		}
	}
	ready := []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue, LastProbeTime: metav1.Now()}}
	for _, c := range []struct {
		what   string
		change func(*corev1.Pod)
		want   bool
	}{
		{"a pod", func(*corev1.Pod) {}, true},
		{"the same", func(p *corev1.Pod) { p.ResourceVersion = "7" }, false},
		{"an annotation", func(p *corev1.Pod) { p.Annotations = map[string]string{"a": "b"} }, false},
		{"its address", func(p *corev1.Pod) { p.Status.PodIP = "10.0.0.1" }, false},
		{"readiness", func(p *corev1.Pod) { p.Status.Conditions = ready }, true},
		{"since when", func(p *corev1.Pod) {
			p.Status.Conditions = []corev1.PodCondition{{Type: corev1.PodReady, Status: corev1.ConditionTrue}}
		}, false},
		{"a label", func(p *corev1.Pod) { p.Labels["version"], p.Status.Conditions = "v2", ready }, true},
		{"its readiness gate", func(p *corev1.Pod) {
			p.Labels["version"], p.Status.Conditions = "v2", ready
			p.Spec.ReadinessGates = []corev1.PodReadinessGate{{ConditionType: gate.Condition}}
		}, true},
		{"its end", func(p *corev1.Pod) { now := metav1.Now(); p.DeletionTimestamp = &now }, true},
	} {
		if got := put(c.change); got != c.want {
			t.Errorf("%s: change %t, want %t", c.what, got, c.want)
		}
	}
}

// TestNoReconcileForPodStatus: while EndpointSlices say which pods are ready, the status of
// a pod causes no cycle; nor does the deletion of a pod that no longer counted.
func TestNoReconcileForPodStatus(t *testing.T) {
	t.Parallel()
	pod := func(ready, counts bool, version string) *item {
		return &item{Object: &discover.Pod{
			Meta: discover.Meta{Namespace: "shop", Name: "cart-1"}, Labels: discover.LabelsOf(map[string]string{"version": version}), Ready: ready, Live: counts,
		}}
	}
	name := diag.Object{Kind: "Pod", Namespace: "shop", Name: "cart-1"}
	slice := diag.Object{Kind: "EndpointSlice", Namespace: "shop", Name: "cart"}
	s := newStore(&Options{AllNamespaces: true})
	sliced := func() { s.put(slice, &item{Object: &discover.EndpointSlice{Service: "cart"}}) }
	for _, step := range []struct {
		what string
		do   func()
		want bool
	}{
		{"a pod", func() { s.put(name, pod(false, true, "v1")) }, true},
		{"it is ready, and there are no slices", func() { s.put(name, pod(true, true, "v1")) }, true},
		{"a slice", sliced, true},
		{"it is not ready, and there are slices", func() { s.put(name, pod(false, true, "v1")) }, false},
		{"it is ready and of another version", func() { s.put(name, pod(true, true, "v2")) }, true},
		{"the slice goes", func() { s.remove(slice, nil) }, true},
		{"it is not ready, and there are no slices any more", func() { s.put(name, pod(false, true, "v2")) }, true},
		{"a slice again", sliced, true},
		{"it is to end", func() { s.put(name, pod(false, false, "v2")) }, true},
		{"it ends", func() { s.remove(name, nil) }, false},
	} {
		step.do()
		got := false
		select {
		case <-s.changed:
			got = true
			s.take()
		default:
		}
		if got != step.want {
			t.Errorf("%s: a cycle: %t, want %t", step.what, got, step.want)
		}
	}
}

// TestOneCopy: if the response to a write and an informer deliver the same state, the store
// keeps the object of the informer, which stays in memory anyway.
func TestOneCopy(t *testing.T) {
	t.Parallel()
	for _, first := range []bool{true, false} {
		s := newStore(&Options{AllNamespaces: true})
		informed := ours("a", "2")
		if first {
			s.put(name, informed)
		}
		s.wrote(name, nil, seen("a", "2"))
		if !first {
			s.put(name, informed)
		}
		if s.items[name] != informed {
			t.Errorf("the informer tells first: %t: there are two copies", first)
		}
	}
}

// TestStoreRemembers: the compiler and the readiness gate know the released workloads that
// our own objects record.
func TestStoreRemembers(t *testing.T) {
	t.Parallel()
	s := newStore(&Options{Namespaces: []string{"shop"}})
	x := ours("a", "1")
	x.seen.Says = &discover.Written{Meta: discover.Meta{Namespace: "shop", Name: "cart-overrides"}, Kind: "VirtualService", Host: "cart.shop.svc.cluster.local", Released: "Deployment/cart=v1"}
	s.put(name, x)
	service := &corev1.Service{ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart"}, Spec: corev1.ServiceSpec{Selector: map[string]string{"app": "cart"}}}
	s.put(diag.Object{Kind: "Service", Namespace: "shop", Name: "cart"}, &item{Object: service})
	o := *s.options
	o.Model = model.DefaultOptions()
	islands := newIslands(&o, s)
	islands.update()
	around, found := s.objectsIn("shop").Snapshot(model.DefaultOptions())
	for _, snapshot := range []*model.Snapshot{islands.of(name).snapshot, around} {
		if len(found) > 0 || len(snapshot.Services) != 1 || snapshot.Services[0].Remembered == nil || snapshot.Services[0].Remembered.String() != "Deployment/cart=v1" {
			t.Errorf("it is %+v, %v", snapshot.Services, found)
		}
	}
}
