package source_test

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/source"
)

const (
	podsPath     = "/api/v1/pods"
	servicesPath = "/api/v1/services"
	vsV1         = "/apis/networking.istio.io/v1/virtualservices"
	vsV1beta1    = "/apis/networking.istio.io/v1beta1/virtualservices"
)

// found names the objects that tests look for.
func found(o *discover.Objects) []string {
	var out []string
	add := func(kind string, objects ...discover.Object) {
		for _, x := range objects {
			out = append(out, diag.Object{Kind: kind, Namespace: x.GetNamespace(), Name: x.GetName()}.String())
		}
	}
	for _, x := range o.Namespaces {
		add("Namespace", x)
	}
	for _, x := range o.Services {
		add("Service", x)
	}
	for _, x := range o.Pods {
		add("Pod", x)
	}
	for _, x := range o.Workloads {
		add(x.Kind, x)
	}
	for _, x := range o.VirtualServices {
		add("VirtualService", x)
	}
	for _, x := range o.DestinationRules {
		add("DestinationRule", x)
	}
	for _, x := range o.Routes {
		add(x.Kind, x)
	}
	for _, x := range o.Sidecars {
		add("Sidecar", x)
	}
	for _, x := range o.ServiceEntries {
		add("ServiceEntry", x)
	}
	for _, x := range o.Unread {
		add(x.Kind, x)
	}
	for _, x := range o.MeshConfigs {
		add("ConfigMap", x)
	}
	for _, x := range o.Tags {
		add("MutatingWebhookConfiguration", x)
	}
	for _, x := range o.Policies {
		add("OverridePolicy", x)
	}
	return out
}

func TestCluster(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name    string
		server  *apiServer
		options source.ClusterOptions
		want    []string
		diags   []string
		// lists are the requests that diags speak of.
		lists []diag.List
	}{
		{
			name:   "nothing but Kubernetes",
			server: &apiServer{},
		},
		{
			name: "pages",
			server: &apiServer{pages: map[string][]runtime.Object{
				podsPath:     {pods("1", "a", "b"), pods("2", "c"), pods("", "d")},
				vsV1:         {listOf("networking.istio.io/v1", "VirtualService", "1", "shop/a"), listOf("networking.istio.io/v1", "VirtualService", "", "shop/b")},
				servicesPath: {listOf("v1", "Service", "", "shop/web")},
			}},
			want: []string{"Service shop/web", "Pod shop/a", "Pod shop/b", "Pod shop/c", "Pod shop/d", "VirtualService shop/a", "VirtualService shop/b"},
		},
		{
			name: "an older version",
			server: &apiServer{pages: map[string][]runtime.Object{
				vsV1beta1: {listOf("networking.istio.io/v1beta1", "VirtualService", "", "shop/a")},
				"/apis/gateway.networking.k8s.io/v1alpha2/grpcroutes": {listOf("gateway.networking.k8s.io/v1alpha2", "GRPCRoute", "", "shop/a")},
			}},
			want: []string{"VirtualService shop/a", "GRPCRoute shop/a"},
		},
		{
			name: "a token that expires",
			server: &apiServer{
				pages:   map[string][]runtime.Object{podsPath: {pods("1", "a"), pods("2", "b"), pods("", "c")}},
				expires: []string{podsPath},
			},
			want: []string{"Pod shop/a", "Pod shop/b", "Pod shop/c"},
		},
		{
			name:    "one namespace",
			options: source.ClusterOptions{Namespace: "shop"},
			server: &apiServer{pages: map[string][]runtime.Object{
				podsPath:                       {pods("", "other")},
				"/api/v1/namespaces/shop/pods": {pods("", "a")},
				"/api/v1/namespaces":           {listOf("v1", "Namespace", "", "/shop", "/other")},
				vsV1:                           {listOf("networking.istio.io/v1", "VirtualService", "", "shop/a", "other/b")},
				"/apis/overrides.mesh/v1alpha1/namespaces/shop/overridepolicies": {listOf("overrides.mesh/v1alpha1", "OverridePolicy", "", "shop/p")},
			}},
			want: []string{"Namespace shop", "Namespace other", "Pod shop/a", "VirtualService shop/a", "VirtualService other/b", "OverridePolicy shop/p"},
		},
		{
			name: "kinds that may not be listed",
			server: &apiServer{
				pages: map[string][]runtime.Object{podsPath: {pods("", "a")}},
				status: map[string]int{
					"/api/v1/namespaces":                       http.StatusForbidden,
					"/apis/discovery.k8s.io/v1/endpointslices": http.StatusForbidden,
					vsV1: http.StatusForbidden,
				},
			},
			want: []string{"Pod shop/a"},
			diags: []string{
				"list namespaces in the cluster is not allowed: callers are expected only in namespaces with Services or workloads that were read, and the revisions of Istio of namespaces are not known",
				"list endpointslices.discovery.k8s.io in all namespaces is not allowed: the pods' own readiness counts, and endpoints that are no pods are not seen",
				"list virtualservices.networking.istio.io in all namespaces is not allowed: routes of users are not known, and may be overruled",
			},
			lists: []diag.List{
				{Resource: "namespaces"},
				{Group: "discovery.k8s.io", Resource: "endpointslices"},
				{Group: "networking.istio.io", Resource: "virtualservices"},
			},
		},
		{
			name: "what says who sees what, and the ways in",
			server: &apiServer{pages: map[string][]runtime.Object{
				"/apis/networking.istio.io/v1/sidecars":                   {listOf("networking.istio.io/v1", "Sidecar", "", "shop/a")},
				"/apis/networking.istio.io/v1/serviceentries":             {listOf("networking.istio.io/v1", "ServiceEntry", "", "shop/a")},
				"/apis/networking.istio.io/v1beta1/workloadentries":       {with(listOf("networking.istio.io/v1beta1", "WorkloadEntry", "", "shop/a"), "labels", map[string]any{"app": "a"})},
				"/apis/gateway.networking.k8s.io/v1alpha2/tcproutes":      {listOf("gateway.networking.k8s.io/v1alpha2", "TCPRoute", "", "shop/a")},
				"/apis/gateway.networking.k8s.io/v1alpha3/tlsroutes":      {listOf("gateway.networking.k8s.io/v1alpha3", "TLSRoute", "", "shop/a")},
				"/apis/networking.k8s.io/v1/ingresses":                    {listOf("networking.k8s.io/v1", "Ingress", "", "shop/a")},
				"/api/v1/namespaces/istio-system/configmaps":              {meshConfig("istio")},
				"/apis/admissionregistration.k8s.io/v1/" + tagsOfWebhooks: {labelled(listOf("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", "/a"), map[string]any{"istio.io/tag": "prod", "istio.io/rev": "1-30"})},
			}},
			want: []string{
				"TCPRoute shop/a", "TLSRoute shop/a", "Ingress shop/a", "Sidecar shop/a", "ServiceEntry shop/a", "WorkloadEntry shop/a",
				"ConfigMap istio-system/istio", "MutatingWebhookConfiguration a",
			},
		},
		{
			name:    "a mesh configuration may not be read",
			options: source.ClusterOptions{Namespace: "shop", RootNamespace: "mesh"},
			server: &apiServer{status: map[string]int{
				"/api/v1/namespaces/mesh/configmaps":                      http.StatusForbidden,
				"/apis/admissionregistration.k8s.io/v1/" + tagsOfWebhooks: http.StatusForbidden,
			}},
			diags: []string{
				"list configmaps istio in namespace mesh is not allowed: Istio's own defaults are assumed (the flags --default-…-export-to set others)",
				"list mutatingwebhookconfigurations.admissionregistration.k8s.io in the cluster is not allowed: a revision tag of Istio on a namespace is read as the name of a revision",
			},
			lists: []diag.List{
				{Resource: "configmaps", Namespace: "mesh"},
				{Group: "admissionregistration.k8s.io", Resource: "mutatingwebhookconfigurations"},
			},
		},
		{
			name:    "other namespaces may not be listed",
			options: source.ClusterOptions{Namespace: "shop", RootNamespace: "mesh"},
			server: &apiServer{
				pages: map[string][]runtime.Object{
					"/apis/networking.istio.io/v1/namespaces/shop/virtualservices": {listOf("networking.istio.io/v1", "VirtualService", "", "shop/a")},
					"/apis/networking.istio.io/v1/namespaces/mesh/virtualservices": {listOf("networking.istio.io/v1", "VirtualService", "", "mesh/b")},
				},
				status: map[string]int{
					vsV1: http.StatusForbidden,
					"/apis/networking.istio.io/v1/destinationrules":                 http.StatusForbidden,
					"/apis/networking.istio.io/v1/namespaces/mesh/destinationrules": http.StatusForbidden,
					"/api/v1/namespaces/shop/services":                              http.StatusForbidden,
				},
			},
			want: []string{"VirtualService shop/a", "VirtualService mesh/b"},
			diags: []string{
				"list services in namespace shop is not allowed: there is nothing to route",
				"list virtualservices.networking.istio.io in all namespaces is not allowed: those of other namespaces are not known: routes of users are not known, and may be overruled",
				"list destinationrules.networking.istio.io in all namespaces is not allowed: those of other namespaces are not known: subsets and policies of users are not known, and may be overruled",
				"list destinationrules.networking.istio.io in namespace mesh is not allowed: subsets and policies of users are not known, and may be overruled",
			},
			lists: []diag.List{
				{Resource: "services", Namespace: "shop"},
				{Group: "networking.istio.io", Resource: "virtualservices"},
				{Group: "networking.istio.io", Resource: "destinationrules"},
				{Group: "networking.istio.io", Resource: "destinationrules", Namespace: "mesh"},
			},
		},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			objects, diags, err := source.Cluster(t.Context(), c.server.start(t), c.options)
			if err != nil {
				t.Fatal(err)
			}
			if !objects.Cluster {
				t.Error("the objects are not marked as a cluster's")
			}
			if d := cmp.Diff(c.want, found(objects)); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			var said []string
			var lists []diag.List
			for _, d := range diags {
				lists = append(lists, d.List)
				if d.Code != diag.Forbidden {
					t.Errorf("unexpected: %v", d)
				}
				said = append(said, d.Message)
			}
			if d := cmp.Diff(c.diags, said); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
			if d := cmp.Diff(c.lists, lists); d != "" {
				t.Errorf("-want +got:\n%s", d)
			}
		})
	}
}

// TestClusterRequests wants a handful of requests, however many Services there
// are, none of which names one.
func TestClusterRequests(t *testing.T) {
	t.Parallel()
	var names []string
	for i := range 100 {
		names = append(names, fmt.Sprintf("shop/s-%d", i))
	}
	server := &apiServer{pages: map[string][]runtime.Object{servicesPath: {listOf("v1", "Service", "", names...)}}}
	if _, _, err := source.Cluster(t.Context(), server.start(t), source.ClusterOptions{}); err != nil {
		t.Fatal(err)
	}
	// 30 kinds, of which those of Istio and of the Gateway API were tried in an older
	// version too, TLSRoutes in two, ListenerSets in none.
	if got, want := len(server.requests), 44; got != want {
		t.Errorf("%d requests, want %d: %s", got, want, strings.Join(server.requests, "\n"))
	}
	for _, r := range server.requests {
		if !strings.Contains(r, "limit=1000") {
			t.Errorf("%s: is not paged", r)
		}
	}
	for _, want := range []string{
		"/api/v1/pods?fieldSelector=status.phase%21%3DSucceeded%2Cstatus.phase%21%3DFailed&limit=1000",
		"/apis/apps/v1/replicasets?labelSelector=%21pod-template-hash%2C%21rollouts-pod-template-hash&limit=1000",
		"/api/v1/namespaces/istio-system/configmaps?fieldSelector=metadata.name%3Distio&limit=1000",
		"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations?labelSelector=istio.io%2Ftag&limit=1000",
	} {
		if !slices.Contains(server.requests, want) {
			t.Errorf("%s: was not asked for", want)
		}
	}
}

// TestClusterRevisions wants the mesh configuration of each revision that namespaces
// ask for, under its own name or a tag, to be asked for once.
func TestClusterRevisions(t *testing.T) {
	t.Parallel()
	namespace := func(name, revision string) map[string]any {
		return labelled(listOf("v1", "Namespace", "", "/"+name), map[string]any{"istio.io/rev": revision}).Items[0]
	}
	namespaces := listOf("v1", "Namespace", "")
	namespaces.Items = []map[string]any{namespace("a", "1-31"), namespace("b", "prod"), namespace("c", "1-30"), namespace("d", "default"), {"metadata": map[string]any{"name": "e"}}}
	server := &apiServer{pages: map[string][]runtime.Object{
		"/api/v1/namespaces": {namespaces},
		"/apis/admissionregistration.k8s.io/v1/" + tagsOfWebhooks: {labelled(listOf("admissionregistration.k8s.io/v1", "MutatingWebhookConfiguration", "", "/a"), map[string]any{"istio.io/tag": "prod", "istio.io/rev": "1-30"})},
	}}
	if _, _, err := source.Cluster(t.Context(), server.start(t), source.ClusterOptions{}); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range server.requests {
		if strings.Contains(r, "/configmaps?") {
			got = append(got, r)
		}
	}
	slices.Sort(got)
	var want []string
	for _, name := range []string{"istio", "istio-1-30", "istio-1-31"} {
		want = append(want, "/api/v1/namespaces/istio-system/configmaps?fieldSelector=metadata.name%3D"+name+"&limit=1000")
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestClusterSlims wants what decides no route to be left out, of kinds read as
// protobuf and as JSON.
func TestClusterSlims(t *testing.T) {
	t.Parallel()
	server := &apiServer{pages: map[string][]runtime.Object{
		podsPath:                    {pods("", "a")},
		"/apis/apps/v1/deployments": {listOf("apps/v1", "Deployment", "", "shop/d")},
		vsV1:                        {listOf("networking.istio.io/v1", "VirtualService", "", "shop/v")},
	}}
	objects, _, err := source.Cluster(t.Context(), server.start(t), source.ClusterOptions{})
	if err != nil {
		t.Fatal(err)
	}
	want := &discover.Pod{
		Meta: discover.Meta{Namespace: "shop", Name: "a"}, Labels: discover.LabelsOf(map[string]string{"app": "a"}),
		Workload: model.Workload{Kind: "Pod", Name: "a"}, Live: true,
	}
	if d := cmp.Diff(want, objects.Pods[0], cmp.AllowUnexported(discover.Labels{}, discover.Pod{})); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
	wantMeta := metav1.ObjectMeta{Namespace: "shop", Annotations: map[string]string{"a": "b"}}
	wantMeta.Name = "v"
	if d := cmp.Diff(wantMeta, objects.VirtualServices[0].ObjectMeta); d != "" {
		t.Errorf("-want +got:\n%s", d)
	}
}

// TestClusterFails wants an error that says what could not be listed, and no
// half of a cluster that looks like a whole one.
func TestClusterFails(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		path string
		code int
		want string
	}{
		{podsPath, http.StatusUnauthorized, "the cluster at http://127.0.0.1:"},
		{vsV1, http.StatusInternalServerError, "list virtualservices: "},
		{servicesPath, http.StatusNotFound, "list services: "},
	} {
		server := &apiServer{status: map[string]int{c.path: c.code}}
		objects, _, err := source.Cluster(t.Context(), server.start(t), source.ClusterOptions{})
		if err == nil || !strings.HasPrefix(err.Error(), c.want) || objects != nil {
			t.Errorf("%s: got %v, %v, want an error that begins with %q", c.path, objects, err, c.want)
		}
	}
	var refused interface{ Timeout() bool }
	_, _, err := source.Cluster(t.Context(), &rest.Config{Host: "http://127.0.0.1:1"}, source.ClusterOptions{})
	if !errors.As(err, &refused) || !errors.Is(err, source.ErrUnreachable) || !strings.HasPrefix(err.Error(), "the cluster at http://127.0.0.1:1 can't be reached: ") {
		t.Errorf("got %v, want a refused connection", err)
	}
}
