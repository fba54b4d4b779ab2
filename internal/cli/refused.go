package cli

import (
	"context"
	"fmt"
	"slices"
	"time"

	eventsv1 "k8s.io/api/events/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/event"
	"github.com/overrides-mesh/overrides/internal/operator"
)

// refusedObject is an object that the API server refused, as the operator last reported.
type refusedObject struct {
	Kind    string `json:"kind"`
	Name    string `json:"name"`
	Code    string `json:"code"`
	Message string `json:"message"`
	// Since is the time of the operator's last report.
	Since time.Time `json:"since"`
}

// addRefused adds to each Service that is not in place the refused objects and the
// reasons, from the operator's Events about the Service.
func (a *app) addRefused(ctx context.Context, in *input, namespace string, services []serviceStatus, changes []change) {
	if len(changes) == 0 {
		return
	}
	said, err := readEvents(ctx, in, namespace)
	if err != nil {
		a.say("refusals can't be read: %v", err)
		return
	}
	refused := refusals(said, changes)
	for i := range services {
		s := &services[i]
		s.Refused = refused[[2]string{s.Namespace, s.Service}]
	}
}

// refusals finds the last refusal of each object that is not in place, by the namespace
// and the name of the Service that the Event is about.
func refusals(said []eventsv1.Event, changes []change) map[[2]string][]refusedObject {
	missing := map[diag.Object]bool{}
	for i := range changes {
		missing[changes[i].object] = true
	}
	last := map[diag.Object]*eventsv1.Event{}
	for i := range said {
		e := &said[i]
		if e.Related == nil || e.Regarding.Kind != "Service" || !event.IsRefusal(diag.Code(e.Reason)) {
			continue
		}
		object := diag.Object{Kind: e.Related.Kind, Namespace: e.Related.Namespace, Name: e.Related.Name}
		if missing[object] && (last[object] == nil || saidAt(last[object]).Before(saidAt(e))) {
			last[object] = e
		}
	}
	out := map[[2]string][]refusedObject{}
	for object, e := range last {
		service := [2]string{object.Namespace, e.Regarding.Name}
		out[service] = append(out[service], refusedObject{object.Kind, object.Name, e.Reason, e.Note, saidAt(e)})
	}
	for _, list := range out {
		slices.SortFunc(list, func(a, b refusedObject) int {
			return diag.Object{Kind: a.Kind, Name: a.Name}.Compare(diag.Object{Kind: b.Kind, Name: b.Name})
		})
	}
	return out
}

// saidAt returns when an Event last happened.
func saidAt(e *eventsv1.Event) time.Time {
	if e.Series != nil {
		return e.Series.LastObservedTime.Time
	}
	return e.EventTime.Time
}

// readEvents reads the warnings of the operator, in one namespace or in all.
func readEvents(ctx context.Context, in *input, namespace string) ([]eventsv1.Event, error) {
	config, _, err := in.cluster.load()
	if err != nil {
		return nil, err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("reach the cluster: %w", err)
	}
	resource := schema.GroupVersionResource{Group: "events.k8s.io", Version: "v1", Resource: "events"}
	list, err := client.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{FieldSelector: "type=Warning,reportingController=" + operator.ReportingController})
	if err != nil {
		return nil, fmt.Errorf("list Events: %w", err)
	}
	out := make([]eventsv1.Event, len(list.Items))
	for i := range list.Items {
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[i].Object, &out[i]); err != nil {
			return nil, fmt.Errorf("read an Event: %w", err)
		}
	}
	return out, nil
}
