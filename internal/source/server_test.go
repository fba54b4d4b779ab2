package source_test

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer/protobuf"
	"k8s.io/client-go/rest"
)

// apiServer answers list requests from pages, by path, and with 404 for paths
// that it doesn't have. A path's status, if there is one, is its answer instead.
type apiServer struct {
	pages  map[string][]runtime.Object
	status map[string]int
	// expires lists paths of which the first token expires.
	expires []string

	mu       sync.Mutex
	requests []string
}

func (s *apiServer) start(tb testing.TB) *rest.Config {
	tb.Helper()
	server := httptest.NewServer(s)
	tb.Cleanup(server.Close)
	return &rest.Config{Host: server.URL}
}

func (s *apiServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r.URL.Path+"?"+r.URL.RawQuery)
	s.mu.Unlock()
	query := r.URL.Query()
	page, _ := strconv.Atoi(query.Get("continue"))
	pages := s.pages[r.URL.Path]
	switch {
	case s.status[r.URL.Path] != 0:
		refuse(w, s.status[r.URL.Path])
	case page == 1 && slices.Contains(s.expires, r.URL.Path):
		refuse(w, http.StatusGone)
	case len(pages) == 0 && builtIn[path.Base(r.URL.Path)] != "":
		version, kind, _ := strings.Cut(builtIn[path.Base(r.URL.Path)], " ")
		answer(w, r, listOf(version, kind, ""))
	case page >= len(pages):
		http.NotFound(w, r)
	case query.Get("limit") == "":
		for _, page := range pages[1:] {
			pages[0].(*corev1.PodList).Items = append(pages[0].(*corev1.PodList).Items, page.(*corev1.PodList).Items...)
		}
		pages[0].(*corev1.PodList).Continue = ""
		answer(w, r, pages[0])
	default:
		answer(w, r, pages[page])
	}
}

// builtIn are the kinds that every cluster has.
var builtIn = map[string]string{
	"namespaces": "v1 Namespace", "services": "v1 Service", "pods": "v1 Pod",
	"endpointslices": "discovery.k8s.io/v1 EndpointSlice",
	"deployments":    "apps/v1 Deployment", "statefulsets": "apps/v1 StatefulSet",
	"daemonsets": "apps/v1 DaemonSet", "replicasets": "apps/v1 ReplicaSet",
	"ingresses": "networking.k8s.io/v1 Ingress", "configmaps": "v1 ConfigMap",
	"mutatingwebhookconfigurations": "admissionregistration.k8s.io/v1 MutatingWebhookConfiguration",
}

func refuse(w http.ResponseWriter, code int) {
	status := metav1.Status{
		TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "Status"},
		Status:   metav1.StatusFailure, Code: int32(code), //nolint:gosec // a status code
		Reason: map[int]metav1.StatusReason{
			http.StatusForbidden: metav1.StatusReasonForbidden, http.StatusGone: metav1.StatusReasonExpired,
			http.StatusUnauthorized: metav1.StatusReasonUnauthorized, http.StatusNotFound: metav1.StatusReasonNotFound,
		}[code],
		Message: http.StatusText(code),
	}
	w.Header().Set("Content-Type", runtime.ContentTypeJSON)
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(status)
}

// answer writes protobuf to those who want it, if the list can be said so.
func answer(w http.ResponseWriter, r *http.Request, list runtime.Object) {
	if _, isPods := list.(*corev1.PodList); isPods && strings.Contains(r.Header.Get("Accept"), "protobuf") {
		w.Header().Set("Content-Type", runtime.ContentTypeProtobuf)
		_ = protobuf.NewSerializer(nil, nil).Encode(list, w)
		return
	}
	w.Header().Set("Content-Type", runtime.ContentTypeJSON)
	_ = json.NewEncoder(w).Encode(list)
}

// object is a list of any kind, as JSON.
type object struct {
	metav1.TypeMeta `json:",inline"`
	Metadata        metav1.ListMeta  `json:"metadata"`
	Items           []map[string]any `json:"items"`
}

func (o *object) DeepCopyObject() runtime.Object { return o }

// listOf returns a list with one object of each name, "namespace/name".
func listOf(apiVersion, kind, next string, names ...string) *object {
	list := &object{TypeMeta: metav1.TypeMeta{APIVersion: apiVersion, Kind: kind + "List"}}
	list.Metadata.Continue = next
	for _, name := range names {
		namespace, name, _ := strings.Cut(name, "/")
		list.Items = append(list.Items, map[string]any{
			"apiVersion": apiVersion, "kind": kind,
			"metadata": map[string]any{
				"name": name, "namespace": namespace,
				"managedFields": []any{map[string]any{"manager": "x"}},
				"annotations":   map[string]any{corev1.LastAppliedConfigAnnotation: "{}", "a": "b"},
			},
			"spec": map[string]any{},
		})
	}
	return list
}

const tagsOfWebhooks = "mutatingwebhookconfigurations"

// with gives the only object of a list a field in its specification.
func with(list *object, field string, value any) *object {
	list.Items[0]["spec"] = map[string]any{field: value}
	return list
}

// labelled gives the only object of a list labels.
func labelled(list *object, labels map[string]any) *object {
	list.Items[0]["metadata"].(map[string]any)["labels"] = labels
	return list
}

// meshConfig is a list of a ConfigMap with a mesh configuration.
func meshConfig(name string) *object {
	list := listOf("v1", "ConfigMap", "", "istio-system/"+name)
	list.Items[0]["data"] = map[string]any{"mesh": "{}"}
	return list
}

func pods(next string, names ...string) *corev1.PodList {
	list := &corev1.PodList{TypeMeta: metav1.TypeMeta{APIVersion: "v1", Kind: "PodList"}, ListMeta: metav1.ListMeta{Continue: next}}
	for _, name := range names {
		list.Items = append(list.Items, corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{Name: name, Namespace: "shop", Labels: map[string]string{"app": name}, ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "x"}}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "a"}}},
			Status:     corev1.PodStatus{Phase: corev1.PodRunning, PodIP: "10.0.0.1"},
		})
	}
	return list
}
