package discover_test

import (
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// rolledPod is one of the Deployment cart-VERSION, of a revision; one that leaves
// was told to end.
func rolledPod(version, revision string, leaves bool) *discover.Pod {
	yes := true
	name := "cart-" + version + "-" + revision
	p := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: name + "-x", Labels: map[string]string{"app": "cart", "version": version, "pod-template-hash": revision},
		OwnerReferences: []metav1.OwnerReference{{Kind: "ReplicaSet", Name: name, Controller: &yes}},
	}}
	if leaves {
		p.DeletionTimestamp = &metav1.Time{Time: time.Unix(1, 0)}
	}
	return discover.TrimPod(p)
}

// published is an EndpointSlice that calls pods ready.
func published(names ...string) *discover.EndpointSlice {
	slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{
		Namespace: "shop", Name: "cart-1", Labels: map[string]string{discoveryv1.LabelServiceName: "cart"},
	}}
	for _, name := range names {
		slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: name}})
	}
	return discover.TrimEndpointSlice(slice)
}

// TestLeaving rolls a version, and ends one, while EndpointSlices lag behind.
func TestLeaving(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		pods      []*discover.Pod
		published []string
		// want are the pods and the ready ones of v2.
		want [2]int
	}{
		"rolled, the new pod is not published yet": {[]*discover.Pod{rolledPod("v2", "a", true), rolledPod("v2", "b", false)}, []string{"cart-v2-a-x"}, [2]int{1, 1}},
		"rolled, both are published":               {[]*discover.Pod{rolledPod("v2", "a", true), rolledPod("v2", "b", false)}, []string{"cart-v2-a-x", "cart-v2-b-x"}, [2]int{1, 1}},
		"rolled, the new pod is published":         {[]*discover.Pod{rolledPod("v2", "a", true), rolledPod("v2", "b", false)}, []string{"cart-v2-b-x"}, [2]int{1, 1}},
		"rolled, neither is published":             {[]*discover.Pod{rolledPod("v2", "a", true), rolledPod("v2", "b", false)}, nil, [2]int{1, 0}},
		"scaled down, and one is not ready":        {[]*discover.Pod{rolledPod("v2", "a", true), rolledPod("v2", "a", true), rolledPod("v2", "b", false)}, []string{"cart-v2-a-x"}, [2]int{1, 1}},
		"ended":                                    {[]*discover.Pod{rolledPod("v2", "a", true)}, []string{"cart-v2-a-x"}, [2]int{0, 0}},
		"another version's pod leaves":             {[]*discover.Pod{rolledPod("v1", "a", true), rolledPod("v2", "b", false)}, []string{"cart-v1-a-x"}, [2]int{1, 0}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			objects := &discover.Objects{Cluster: true, Pods: test.pods, EndpointSlices: []*discover.EndpointSlice{published(test.published...)}}
			objects.Services = []*corev1.Service{{
				ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: "cart"},
				Spec:       corev1.ServiceSpec{Selector: map[string]string{"app": "cart"}},
			}}
			snapshot, _ := objects.Snapshot(model.DefaultOptions())
			var got [2]int
			for _, b := range snapshot.Services[0].Backends {
				if b.Labels["version"] == "v2" {
					got[0] += b.Pods
					got[1] += b.Ready
				}
			}
			if got != test.want {
				t.Errorf("%d pods, %d ready, want %v", got[0], got[1], test.want)
			}
		})
	}
}
