package operator

import (
	"context"
	"log/slog"
	"slices"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// asked answers lists, which are forbidden in some namespaces.
type asked struct {
	client.Reader
	forbidden []string
	lists     []client.ListOptions
}

func (a *asked) List(_ context.Context, _ client.ObjectList, options ...client.ListOption) error {
	var all client.ListOptions
	all.ApplyOptions(options)
	a.lists = append(a.lists, all)
	if slices.Contains(a.forbidden, all.Namespace) {
		return apierrors.NewForbidden(schema.GroupResource{}, "", nil)
	}
	return nil
}

// TestPermitted: an optional kind that may not be listed has a diagnostic until it may be; a
// kind that is needed is not even tried.
func TestPermitted(t *testing.T) {
	t.Parallel()
	find := func(name string) *kind {
		return &kinds[slices.IndexFunc(kinds, func(k kind) bool { return k.Name == name })]
	}
	options := &Options{Namespaces: []string{"shop"}}
	options.Model.RootNamespace = "mesh"
	reader := &asked{}
	w := newWatcher(newStore(options), slog.New(slog.DiscardHandler))
	w.reader, w.scheme = reader, newScheme()
	for _, step := range []struct {
		kind      string
		forbidden []string
		want      bool
		// lists is how often it is asked for, denied what is said then.
		lists  int
		denied []string
		final  bool
	}{
		{"Service", []string{"shop"}, true, 0, nil, false},
		{"Sidecar", nil, true, 2, nil, false},
		{"Sidecar", []string{"shop"}, false, 2, []string{"list sidecars.networking.istio.io in namespace shop is not allowed: every proxy is assumed to import all hosts"}, false},
		{"Sidecar", nil, true, 2, nil, false},
		{"ConfigMap", []string{"mesh"}, false, 1, []string{"list configmaps istio in namespace mesh is not allowed: " + find("ConfigMap").Without}, false},
		{"ConfigMap", nil, true, 1, nil, false},
		{"Namespace", []string{""}, false, 1, []string{"list namespaces in the cluster is not allowed: " + find("Namespace").Without}, true},
	} {
		k := find(step.kind)
		reader.forbidden, reader.lists = step.forbidden, nil
		got, err := w.permitted(t.Context(), k, k.object("v1"))
		if got != step.want || err != nil {
			t.Errorf("%s: %t, %v, want %t", step.kind, got, err, step.want)
		}
		if len(reader.lists) != step.lists {
			t.Errorf("%s: asked %d times, want %d", step.kind, len(reader.lists), step.lists)
		}
		for _, l := range reader.lists {
			if named := l.FieldSelector != nil; named != (k.Fields != "") {
				t.Errorf("%s: listed by name: %t", step.kind, named)
			}
		}
		var said []string
		for _, d := range w.store.take().denied {
			if d.Code != diag.Forbidden {
				t.Errorf("unexpected: %v", d)
			}
			said = append(said, d.Message)
		}
		if !slices.Equal(said, step.denied) {
			t.Errorf("%s: diagnostic %q, want %q", step.kind, said, step.denied)
		}
		if _, final := w.watched[k.key()]; final != step.final {
			t.Errorf("%s: is not tried again: %t, want %t", step.kind, final, step.final)
		}
	}
}
