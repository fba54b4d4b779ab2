package soak

import (
	"context"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	eventsv1 "k8s.io/api/events/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/test/soak/judge"
)

var (
	virtualServices  = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}
	destinationRules = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "destinationrules"}
)

// watcher watches the cluster independently, and notifies others.
type watcher struct {
	timeline *timeline
	versions *versions
	// marks is nil if nothing is measured.
	marks *marks
}

// watched is a kind, and the handler of its objects.
type watched struct {
	informer cache.SharedIndexInformer
	seen     func(object any, gone bool)
}

// watch returns when everything has been listed once. It continues until ctx ends.
func (w *watcher) watch(ctx context.Context, config *rest.Config) error {
	kube, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	typed := informers.NewSharedInformerFactoryWithOptions(kube, 0, informers.WithNamespace(namespace))
	untyped := dynamicinformer.NewFilteredDynamicSharedInformerFactory(objects, 0, namespace, nil)
	kinds := []watched{
		{typed.Core().V1().Pods().Informer(), w.pod},
		{typed.Events().V1().Events().Informer(), w.event},
		{untyped.ForResource(virtualServices).Informer(), w.routes},
		{untyped.ForResource(destinationRules).Informer(), w.subsets},
	}
	if w.marks != nil {
		kinds = append(kinds, watched{typed.Discovery().V1().EndpointSlices().Informer(), w.marks.endpoints})
	}
	for _, on := range kinds {
		_, err := on.informer.AddEventHandler(cache.ResourceEventHandlerFuncs{
			AddFunc:    func(object any) { on.seen(object, false) },
			UpdateFunc: func(_, object any) { on.seen(object, false) },
			DeleteFunc: func(object any) {
				if unknown, ok := object.(cache.DeletedFinalStateUnknown); ok {
					object = unknown.Obj
				}
				on.seen(object, true)
			},
		})
		if err != nil {
			return fmt.Errorf("watch: %w", err)
		}
	}
	typed.StartWithContext(ctx)
	untyped.Start(ctx.Done())
	typed.WaitForCacheSync(ctx.Done())
	untyped.WaitForCacheSync(ctx.Done())
	return ctx.Err()
}

func (w *watcher) pod(object any, gone bool) {
	pod, ok := object.(*corev1.Pod)
	if !ok || pod.Labels["version"] == "" {
		return
	}
	service, version := pod.Labels["app"], pod.Labels["version"]
	state := "not ready"
	switch {
	case gone:
		state = "gone"
	case pod.DeletionTimestamp != nil:
		state = "ends"
	case localmesh.Ready(pod):
		state = "ready"
	}
	w.marks.pod(judge.Version{Service: service, Name: version}, state)
	if w.versions.podIs(service, version, pod.Name, state) {
		w.timeline.note(service, "pod %s (%s) %s", pod.Name, version, state)
	}
}

// event handles the operator's Events about versions.
func (w *watcher) event(object any, gone bool) {
	event, ok := object.(*eventsv1.Event)
	if !ok || gone || event.Regarding.Kind != "Service" || !strings.HasPrefix(event.ReportingController, "overrides") {
		return
	}
	at := event.EventTime.Time
	if event.Series != nil {
		at = event.Series.LastObservedTime.Time
	}
	service := event.Regarding.Name
	w.timeline.note(service, "Event %s of %s: %s", event.Reason, at.Format("15:04:05.000"), event.Note)
	rest, ok := strings.CutPrefix(event.Note, "version ")
	if !ok {
		return
	}
	version, _, _ := strings.Cut(rest, " ")
	switch event.Reason {
	case "VersionOverridable":
		w.versions.overridable(service, version, at)
	case "VersionNotOverridable":
		w.versions.withdrawn(service, version, at)
	}
}

// routes records the rows of an operator's VirtualService.
func (w *watcher) routes(object any, gone bool) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	service, ours := strings.CutSuffix(u.GetName(), "-overrides")
	if !ours || u.GetLabels()[istio.ManagedByLabel] != istio.ManagedBy {
		w.timeline.note(u.GetName(), "VirtualService %s changes", u.GetName())
		return
	}
	var rows, ordinary []string
	http, _, _ := unstructured.NestedSlice(u.Object, "spec", "http")
	for _, row := range http {
		name, _, _ := unstructured.NestedString(row.(map[string]any), "name")
		if rest, ok := strings.CutPrefix(name, "override."); ok {
			if !strings.HasPrefix(rest, "*.") { // the row of a set, which comes and goes with that of its version
				rows = append(rows, rest)
			}
			continue
		}
		destinations, _, _ := unstructured.NestedSlice(row.(map[string]any), "route")
		for _, d := range destinations {
			subset, _, _ := unstructured.NestedString(d.(map[string]any), "destination", "subset")
			ordinary = append(ordinary, subset)
		}
	}
	if gone {
		rows, ordinary = nil, nil
	}
	w.timeline.note(service, "VirtualService: gone %t, rows %v, others to %q, version %s", gone, rows, ordinary, u.GetResourceVersion())
	w.marks.rows(service, rows)
	w.versions.rows(service, rows, ordinary)
}

func (w *watcher) subsets(object any, gone bool) {
	u, ok := object.(*unstructured.Unstructured)
	if !ok {
		return
	}
	var names []string
	labels := map[string]map[string]string{}
	subsets, _, _ := unstructured.NestedSlice(u.Object, "spec", "subsets")
	for _, s := range subsets {
		name, _, _ := unstructured.NestedString(s.(map[string]any), "name")
		names = append(names, name)
		labels[name], _, _ = unstructured.NestedStringMap(s.(map[string]any), "labels")
	}
	service, ours := strings.CutSuffix(u.GetName(), "-overrides")
	if ours && !gone {
		w.versions.defined(service, labels)
	}
	w.timeline.note(service, "DestinationRule %s: gone %t, subsets %v, version %s", u.GetName(), gone, names, u.GetResourceVersion())
}

// lately is the length of the history that is printed with a failure.
const lately = 25 * time.Second
