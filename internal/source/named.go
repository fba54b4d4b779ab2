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
		at := slices.IndexFunc(kinds, func(k discover.Kind) bool { return k.Name == name.Kind && k.Served != nil })
		if at < 0 {
			continue
		}
		kind := kinds[at]
		kind.Labels, kind.Fields = "", "metadata.name="+name.Name
		document, err := documentOf(ctx, &listing{client: client, kind: &kind}, name.Namespace)
		switch {
		case err != nil:
			errs = append(errs, fmt.Errorf("read %s: %w", name, err))
		case document != nil:
			out[name] = document
		}
	}
	return out, errors.Join(errs...)
}

// documentOf returns the first object of a listing; nil if there is none.
func documentOf(ctx context.Context, l *listing, namespace string) ([]byte, error) {
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
		var list struct {
			Items []json.RawMessage `json:"items"`
		}
		if err := json.Unmarshal(text, &list); err != nil {
			return nil, fmt.Errorf("decode the answer: %w", err)
		}
		if len(list.Items) == 0 {
			return nil, nil
		}
		return list.Items[0], nil
	}
	return nil, err
}
