package operator

import (
	"testing"

	"github.com/overrides-mesh/overrides/internal/compile"
)

// TestChangeText: the log says which routes and subsets a write changes.
func TestChangeText(t *testing.T) {
	t.Parallel()
	const (
		table  = `{"metadata":{"labels":{"a":"b"}},"spec":{"hosts":["cart"],"http":[{"name":"ordinary.cart","route":[{"destination":{"host":"cart"}}]}]}}`
		row    = `{"metadata":{"labels":{"a":"b"}},"spec":{"hosts":["cart"],"http":[{"name":"override.cart.v2"},{"name":"ordinary.cart","route":[{"destination":{"host":"cart"}}]}]}}`
		pinned = `{"metadata":{"labels":{"a":"b"}},"spec":{"hosts":["cart"],"exportTo":["."],"http":[{"name":"ordinary.cart","route":[{"destination":{"host":"cart","subset":"v1"}}]}]}}`
		turned = `{"metadata":{"labels":{"a":"b"}},"spec":{"hosts":["cart"],"http":[{"name":"ordinary.cart","route":[{"destination":{"host":"cart"}}]},{"name":"override.cart.v2"}]}}`
		rule   = `{"spec":{"host":"cart","subsets":[{"name":"override-v1"},{"name":"override-v2"}]}}`
		less   = `{"spec":{"host":"cart","subsets":[{"name":"override-v1","labels":{"version":"v1"}}]}}`
	)
	tests := []struct{ name, before, after, want string }{
		{"a row more", table, row, "route override.cart.v2 added"},
		{"a row less", row, table, "route override.cart.v2 removed"},
		{"a pin", table, pinned, "route ordinary.cart changed; exportTo changed"},
		{"another order", row, turned, "routes in another order"},
		{"subsets", rule, less, "subset override-v2 removed; subset override-v1 changed"},
		{"new", "", table, "route ordinary.cart added"},
		{"gone", table, "", "removed"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newChange([]byte(test.before), []byte(test.after))
			if got := c.text(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

// TestChangeReason: the log says why, by the state of the Services that the object routes
// to.
func TestChangeReason(t *testing.T) {
	t.Parallel()
	managed := compile.Service{
		Namespace: "shop", Name: "cart", State: compile.Managed, Pinned: compile.PinnedByVersion, Released: "by annotation",
		Versions: []compile.Version{{Name: "v1", Released: true, Pods: 2, Ready: 2}, {Name: "v2", Pods: 1, Ready: 1}},
	}
	shared := managed
	shared.Pinned, shared.Released, shared.Versions = compile.NotPinned, "", nil
	tests := []struct {
		name    string
		service *compile.Service
		want    string
	}{
		{"managed", &managed, "cart: pin by version (released: by annotation); v1 released, 2 of 2 pods ready; v2 1 of 1 pods ready"},
		{"shared", &shared, "cart: not pinned"},
		{"idle", &compile.Service{Name: "cart", State: compile.Idle}, "cart: nothing to override"},
		{"left alone", &compile.Service{Name: "cart", State: compile.Skipped, Reason: "OptedOut"}, "cart: left alone (OptedOut)"},
		{"a version", &compile.Service{Name: "cart-v2", State: compile.Skipped, Why: "it is a version of Service cart"}, "cart-v2: it is a version of Service cart"},
		{"gone", nil, "nothing needs it"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			c := newChange(nil, []byte(`{"spec":{"host":"cart"}}`))
			c.hostSuffix = ".shop.svc.cluster.local"
			c.services = map[string]*compile.Service{}
			if test.service != nil {
				c.services["cart.shop.svc.cluster.local"] = test.service
			}
			if got := c.reason(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}
