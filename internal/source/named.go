package source

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// Documents returns objects of a cluster as the API server has them, in JSON. Objects that
// don't exist are left out. It lists each by its name: whoever may read a cluster with
// [Cluster] may do so.
func Documents(ctx context.Context, config *rest.Config, names []diag.Object) (map[diag.Object][]byte, error) {
	client, err := newClient(config)
	if err != nil {
		return nil, fmt.Errorf("reach the cluster: %w", err)
	}
	out := map[diag.Object][]byte{}
	var errs []error
	for _, name := range names {
		kinds := discover.Kinds()
		at := slices.IndexFunc(kinds, func(k discover.Kind) bool { return k.ObjectKind() == name.Kind && k.Served != nil })
		if at < 0 {
			continue
		}
		kind := kinds[at]
		kind.Labels, kind.Fields = "", "metadata.name="+name.Name
		document, err := documentOf(ctx, &listing{client: client, kind: &kind}, name.Namespace, name.Name)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("read %s: %w", name, err))
		case document != nil:
			out[name] = document
		}
	}
	return out, errors.Join(errs...)
}

// documentOf returns the object of a name; nil if there is none.
func documentOf(ctx context.Context, l *listing, namespace, name string) ([]byte, error) {
	var err error
	for _, version := range l.kind.Served {
		var text []byte
		text, err = l.request(version, namespace, 0, "").SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx).Raw()
		if apierrors.IsNotFound(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		return onlyItem(text, name)
	}
	return nil, err
}

// onlyItem returns the item of a list that has a name; nil if there is none.
func onlyItem(list []byte, name string) ([]byte, error) {
	var all struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := json.Unmarshal(list, &all); err != nil {
		return nil, fmt.Errorf("decode the answer: %w", err)
	}
	for _, item := range all.Items {
		var named struct {
			Metadata struct {
				Name string `json:"name"`
			} `json:"metadata"`
		}
		if err := json.Unmarshal(item, &named); err != nil {
			return nil, fmt.Errorf("decode the answer: %w", err)
		}
		if named.Metadata.Name == name {
			return item, nil
		}
	}
	return nil, nil
}
