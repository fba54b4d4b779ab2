package plan_test

import (
	"slices"
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"
)

// TestDelegatedThenPinned: a table that delegates copies the delegate's routes when a
// destination has to be pinned, with the pin at once, and delegates again when it needs none.
func TestDelegatedThenPinned(t *testing.T) {
	t.Parallel()
	to := func(host string) *istioapi.VirtualService {
		return &istioapi.VirtualService{Http: []*istioapi.HTTPRoute{{Name: "primary", Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: host}}}}}}
	}
	w := pinned(t, true)
	w.virtualService = &istioapi.VirtualService{Hosts: []string{service}, Http: []*istioapi.HTTPRoute{{Delegate: &istioapi.Delegate{Name: "users-canary"}}}}
	for _, step := range []struct {
		host      string
		delegated []string
		ordinary  []string
	}{
		{"stable.example.com", []string{"users-canary", "users-canary"}, nil},
		{service, nil, []string{"overrides-released"}},
		{"stable.example.com", []string{"users-canary", "users-canary"}, nil},
	} {
		w.delegate = to(step.host)
		w.run(t, 40*bound)
		if got := w.delegations(t); !slices.Equal(got, step.delegated) {
			t.Errorf("%s: delegates to %q, want %q", step.host, got, step.delegated)
		}
		if got := w.ordinary(t); !slices.Equal(got, step.ordinary) {
			t.Errorf("%s: ordinary traffic goes to %q, want %q", step.host, got, step.ordinary)
		}
		if len(w.output.Steps) > 0 {
			t.Errorf("%s: still steps: %v", step.host, w.output.Steps)
		}
	}
}

// delegations lists the VirtualServices that the stored one delegates to.
func (w *world) delegations(t *testing.T) []string {
	t.Helper()
	var out []string
	for _, h := range w.routes(t).GetHttp() {
		if h.GetDelegate() != nil {
			out = append(out, h.GetDelegate().GetName())
		}
	}
	return out
}
