package controlplane

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/discovery/cached/memory"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/restmapper"
)

// Applier applies objects of any kind, by server-side apply.
type Applier struct {
	client dynamic.Interface
	mapper *restmapper.DeferredDiscoveryRESTMapper
}

// NewApplier returns an Applier for config's cluster.
func NewApplier(config *rest.Config) (*Applier, error) {
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	kinds, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	return &Applier{client: client, mapper: restmapper.NewDeferredDiscoveryRESTMapper(memory.NewMemCacheClient(kinds))}, nil
}

// Apply applies objects: namespaces and kinds first, then the others in the given order.
// It waits for kinds that were only just installed.
func (a *Applier) Apply(ctx context.Context, objects ...*unstructured.Unstructured) error {
	objects = slices.Clone(objects)
	slices.SortStableFunc(objects, func(x, y *unstructured.Unstructured) int { return rank(x) - rank(y) })
	for _, object := range objects {
		if err := a.apply(ctx, object); err != nil {
			return fmt.Errorf("apply %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

// rank sorts objects that others need before the others.
func rank(object *unstructured.Unstructured) int {
	switch object.GetKind() {
	case "Namespace":
		return 0
	case "CustomResourceDefinition":
		return 1
	}
	return 2
}

func (a *Applier) apply(ctx context.Context, object *unstructured.Unstructured) error {
	var last error
	err := wait.PollUntilContextTimeout(ctx, pollInterval, applyTimeout, true, func(ctx context.Context) (bool, error) {
		resource, err := a.resource(object)
		if err == nil {
			options := metav1.ApplyOptions{FieldManager: fieldManager, Force: true}
			_, err = resource.Apply(ctx, object.GetName(), object, options)
		}
		last = err
		switch {
		case err == nil:
			return true, nil
		case meta.IsNoMatchError(err):
			a.mapper.Reset()
			return false, nil
		case apierrors.IsNotFound(err) || apierrors.IsServiceUnavailable(err):
			// The kind or namespace is not available yet.
			return false, nil
		}
		return false, err
	})
	if wait.Interrupted(err) && last != nil {
		return last
	}
	return err
}

// Delete deletes objects; a missing one is no error.
func (a *Applier) Delete(ctx context.Context, objects ...*unstructured.Unstructured) error {
	for _, object := range slices.Backward(objects) {
		resource, err := a.resource(object)
		if err == nil {
			err = resource.Delete(ctx, object.GetName(), metav1.DeleteOptions{})
		}
		if err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("delete %s %s: %w", object.GetKind(), object.GetName(), err)
		}
	}
	return nil
}

// resource returns the client for the kind and namespace of object.
func (a *Applier) resource(object *unstructured.Unstructured) (dynamic.ResourceInterface, error) {
	kind := object.GroupVersionKind()
	mapping, err := a.mapper.RESTMapping(kind.GroupKind(), kind.Version)
	if err != nil {
		return nil, err
	}
	client := a.client.Resource(mapping.Resource)
	if mapping.Scope.Name() == meta.RESTScopeNameRoot {
		return client, nil
	}
	namespace := object.GetNamespace()
	if namespace == "" {
		namespace = metav1.NamespaceDefault
	}
	return client.Namespace(namespace), nil
}

// applyTimeout limits the time until a kind is served and an object of it is stored, which takes
// seconds if it is large.
const applyTimeout = time.Minute

// Apply applies objects to this control plane.
func (p *Plane) Apply(ctx context.Context, objects ...*unstructured.Unstructured) error {
	applier, err := NewApplier(p.Config)
	if err != nil {
		return err
	}
	return applier.Apply(ctx, objects...)
}
