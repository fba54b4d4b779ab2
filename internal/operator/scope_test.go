package operator

import (
	"testing"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// TestNamespaceMode changes the label of a namespace that contains an object of Overrides.
func TestNamespaceMode(t *testing.T) {
	t.Parallel()
	const shop = "shop"
	type state struct{ managed, cleaningUp bool }
	tests := []struct {
		name    string
		options Options
		// labels are the labels of the namespace, one after the other; "" for none.
		labels []string
		want   []state
	}{
		{
			"those that are labelled",
			Options{},
			[]string{"", "true", "no", "true", "false", "true", ""},
			[]state{{}, {managed: true}, {cleaningUp: true}, {managed: true}, {cleaningUp: true}, {managed: true}, {cleaningUp: true}},
		},
		{"said at the start", Options{}, []string{"false"}, []state{{cleaningUp: true}}},
		{"all", Options{AllNamespaces: true}, []string{"", "true", "false"}, []state{{managed: true}, {managed: true}, {cleaningUp: true}}},
		{"named", Options{Namespaces: []string{shop}}, []string{"", "false"}, []state{{managed: true}, {managed: true}}},
		{"others are named", Options{Namespaces: []string{"web"}}, []string{"true", "false"}, []state{{}, {}}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStore(&test.options)
			x := newIslands(&test.options, s)
			s.put(name, ours("a", "1"))
			for i, label := range test.labels {
				namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: shop, Labels: map[string]string{}}}
				if label != "" {
					namespace.Labels[EnabledLabel] = label
				}
				s.put(diag.Object{Kind: "Namespace", Name: shop}, &item{Object: namespace})
				x.update()
				if got := (state{x.modes[shop] == managed, x.modes[shop] == cleaningUp}); got != test.want[i] {
					t.Errorf("with label %q (%d): %+v, want %+v", label, i, got, test.want[i])
				}
				selector := test.options.managedNamespaces()
				if selected, known := selector.Permits(shop, namespace.Labels); !known || selected != test.want[i].managed {
					t.Errorf("with label %q (%d): the default at gateways is for it: %t, %t", label, i, selected, known)
				}
				if known := s.objectsIn(shop) != nil; known != test.want[i].managed {
					t.Errorf("with label %q (%d): the webhook knows the namespace: %t", label, i, known)
				}
				if observed := len(x.of(name).observed()) > 0; observed != (test.want[i].managed || test.want[i].cleaningUp) {
					t.Errorf("with label %q (%d): the object is observed: %t", label, i, observed)
				}
			}
		})
	}
}

// TestNamespaceModeForgets: once a namespace has no object of Overrides, objects that appear
// later belong to another operator.
func TestNamespaceModeForgets(t *testing.T) {
	t.Parallel()
	s := newStore(&Options{})
	namespace := func(labels map[string]string) {
		s.put(diag.Object{Kind: "Namespace", Name: "shop"}, &item{Object: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: "shop", Labels: labels}}})
	}
	namespace(map[string]string{EnabledLabel: "true"})
	s.put(name, ours("a", "1"))
	s.take()
	namespace(nil)
	s.remove(name, ours("a", "1"))
	s.take()
	s.put(name, ours("b", "2"))
	if c := s.take(); c.changes[0].mode == cleaningUp {
		t.Error("an object of another operator is removed")
	}
}

// TestMissingNamespaces: named namespaces that don't exist are reported, if namespaces may
// be listed.
func TestMissingNamespaces(t *testing.T) {
	t.Parallel()
	s := newStore(&Options{Namespaces: []string{"shop", "nosuch"}})
	if got := s.missingNamespaces(); got != nil {
		t.Errorf("missing %v where namespaces may not be listed", got)
	}
	for _, name := range []string{"default", "shop"} {
		s.put(diag.Object{Kind: "Namespace", Name: name}, &item{Object: &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}})
	}
	if got := s.missingNamespaces(); len(got) != 1 || got[0] != "nosuch" {
		t.Errorf("missing %v, want nosuch", got)
	}
}
