package operator

import (
	"bytes"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	istioapi "istio.io/api/networking/v1alpha3"
	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	istiosecv1 "istio.io/client-go/pkg/apis/security/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestEntryIndex: after any history, the index of a store has what a look at all its objects
// finds.
func TestEntryIndex(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		options := DefaultOptions()
		options.AllNamespaces = true
		s := newStore(&options)
		for range rapid.IntRange(20, 60).Draw(t, "changes") {
			name := diag.Object{
				Kind:      rapid.SampledFrom([]string{"Gateway", "Pod", "Deployment", "AuthorizationPolicy", "VirtualService"}).Draw(t, "kind"),
				Namespace: rapid.SampledFrom([]string{"shop", "lab", options.Model.RootNamespace}).Draw(t, "namespace"),
				Name:      "a",
			}
			if rapid.IntRange(0, 3).Draw(t, "gone") == 0 {
				s.remove(name, nil)
			} else {
				s.put(name, indexed(t, name))
			}
			if rapid.Bool().Draw(t, "read") {
				s.entryInput()
				s.policyNames("shop")
			}
		}
		in := s.entryInput()
		var pods, routes []diag.Object
		for _, p := range in.objects.Pods {
			pods = append(pods, diag.Object{Kind: "Pod", Namespace: p.Namespace, Name: p.Name})
		}
		for _, w := range in.objects.Workloads {
			pods = append(pods, diag.Object{Kind: w.Kind, Namespace: w.Namespace, Name: w.Name})
		}
		for _, r := range in.routes {
			routes = append(routes, r.Object)
		}
		wantPods, wantRoutes, rows, policies := s.scan("shop")
		for what, lists := range map[string][2][]diag.Object{"pods": {pods, wantPods}, "routes": {routes, wantRoutes}, "policies": {s.policyNames("shop"), policies}} {
			for i := range lists {
				slices.SortFunc(lists[i], diag.Object.Compare)
			}
			if diff := cmp.Diff(lists[1], lists[0]); diff != "" {
				t.Errorf("%s (-want +got):\n%s", what, diff)
			}
		}
		if in.hasRows("shop") != rows {
			t.Errorf("there are rows for callers in shop: %t, want %t", !rows, rows)
		}
	})
}

// scan finds, by looking at all objects, the pods of gateways, the written routes for gateways,
// whether there are rows for the callers of a namespace, and the policies in force in it.
func (s *store) scan(namespace string) (pods, routes []diag.Object, rows bool, policies []diag.Object) {
	for name, x := range s.items {
		switch object := x.Object.(type) {
		case *istionetv1.Gateway:
			for other, y := range s.items {
				var labels map[string]string
				switch p := y.Object.(type) {
				case *discover.Pod:
					labels = p.Labels.All
				case *discover.Workload:
					labels = p.Template.All
				default:
					continue
				}
				if len(object.Spec.Selector) > 0 && model.HasLabels(labels, object.Spec.Selector) && !slices.Contains(pods, other) {
					pods = append(pods, other)
				}
			}
		case *istiosecv1.AuthorizationPolicy:
			if name.Namespace == namespace || name.Namespace == s.options.Model.RootNamespace {
				policies = append(policies, name)
			}
		}
		if x.seen != nil && name.Kind == "VirtualService" {
			rows = rows || bytes.Contains(x.seen.Managed, []byte(`"sourceNamespace":"`+namespace+`"`))
			if bytes.Contains(x.seen.Managed, []byte(`"gateways"`)) {
				routes = append(routes, name)
			}
		}
	}
	return pods, routes, rows, policies
}

// policyNames names the policies that the index has for pods in a namespace.
func (s *store) policyNames(namespace string) []diag.Object {
	var out []diag.Object
	for _, p := range s.accessPolicies(map[string]bool{namespace: true}) {
		out = append(out, diag.Object{Kind: "AuthorizationPolicy", Namespace: p.Namespace, Name: p.Name})
	}
	return out
}

// indexed draws a state of an object.
func indexed(t *rapid.T, name diag.Object) *item {
	labels := map[string]string{"app": rapid.SampledFrom([]string{"ingress", "egress", "cart"}).Draw(t, "app")}
	meta := metav1.ObjectMeta{Namespace: name.Namespace, Name: name.Name}
	kept := discover.Meta{Namespace: name.Namespace, Name: name.Name}
	switch name.Kind {
	case "Gateway":
		if rapid.IntRange(0, 3).Draw(t, "all") == 0 {
			labels = nil
		}
		return &item{Object: &istionetv1.Gateway{ObjectMeta: meta, Spec: istioapi.Gateway{Selector: labels}}}
	case "Pod":
		return &item{Object: &discover.Pod{Meta: kept, Labels: discover.LabelsOf(labels), Live: true}}
	case "Deployment":
		return &item{Object: &discover.Workload{Meta: kept, Kind: name.Kind, Template: discover.LabelsOf(labels)}}
	case "AuthorizationPolicy":
		return &item{Object: &istiosecv1.AuthorizationPolicy{ObjectMeta: meta}}
	}
	seen := &apply.Seen{ResourceVersion: "1", UID: types.UID(rapid.SampledFrom([]string{"1", "2"}).Draw(t, "uid"))}
	seen.Object = name
	seen.Managed = []byte(rapid.SampledFrom([]string{
		`{"spec":{"http":[]}}`,
		`{"spec":{"http":[{"match":[{"sourceNamespace":"shop"},{"sourceNamespace":"shop"},{"sourceNamespace":"lab"}]}]}}`,
		`{"spec":{"gateways":["shop/public"],"http":[]}}`,
	}).Draw(t, "routes"))
	return &item{Object: &kept, seen: seen}
}
