package rollout

import (
	"context"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
)

// objects are the objects of a cluster.
type objects struct {
	*apply.Client

	all dynamic.Interface
}

func newObjects(config *rest.Config, options *Options) (*objects, error) {
	config = rest.CopyConfig(config)
	config.QPS = -1
	all, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	// The client has no installation name: objects of an operator stay the operator's.
	client, err := apply.New(config, "", options.DryRun)
	if err != nil {
		return nil, err
	}
	client.TakeOver = options.TakeOver
	return &objects{Client: client, all: all}, nil
}

func (o *objects) list(ctx context.Context, w *Wanted) (map[diag.Object]*apply.Seen, map[diag.Object]bool, error) {
	namespaces := w.Namespaces
	if w.All {
		namespaces = []string{metav1.NamespaceAll}
	}
	seen, others := map[diag.Object]*apply.Seen{}, map[diag.Object]bool{}
	for _, kind := range apply.RouteKinds {
		for _, namespace := range namespaces {
			if err := o.listKind(ctx, kind, namespace, seen, others); err != nil {
				return nil, nil, err
			}
		}
	}
	return seen, others, o.listEntries(ctx, w, namespaces, seen, others)
}

func (o *objects) listKind(ctx context.Context, kind, namespace string, seen map[diag.Object]*apply.Seen, others map[diag.Object]bool) error {
	resource := apply.Resources[kind]
	err := apply.Each(ctx, o.all, resource, namespace, func(u *unstructured.Unstructured) error {
		if !apply.IsOurs(u) {
			others[diag.Object{Kind: kind, Namespace: u.GetNamespace(), Name: u.GetName()}] = true
			return nil
		}
		one, err := apply.Read(u)
		if err != nil {
			return err
		}
		seen[one.Object] = one
		return nil
	})
	if apierrors.IsNotFound(err) && kind == istio.HTTPRouteKind {
		return nil // the Gateway API is not installed
	}
	if apierrors.IsNotFound(err) {
		return fmt.Errorf("list %s: Istio's kinds are not installed: %w", resource.Resource, err)
	}
	return err
}
