package operator

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/current"
	"github.com/overrides-mesh/overrides/internal/diag"
)

// TestServiceMetrics: there are series only for Services with previews or objects of
// Overrides.
func TestServiceMetrics(t *testing.T) {
	t.Parallel()
	registry := prometheus.NewRegistry()
	m := newMetrics()
	defer m.register(registry)()
	series := func() map[string]float64 {
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		out := map[string]float64{}
		for _, f := range families {
			for _, x := range f.GetMetric() {
				if labels := x.GetLabel(); len(labels) == 2 && labels[1].GetName() == "namespace" {
					out[f.GetName()+" "+labels[1].GetValue()+"/"+labels[0].GetValue()] = x.GetGauge().GetValue()
				}
			}
		}
		return out
	}
	cart := current.Service{Namespace: "shop", Name: "cart", Pinned: current.Nowhere, Ready: 3, Open: make([]compile.Door, 2), Waits: make([]current.Wait, 1)}
	pay := current.Service{Namespace: "shop", Name: "pay", Pinned: current.Partly}
	p := &islandState{look: look{current: []current.Service{cart, pay}}}
	refusal := &apply.Refusal{}
	refusal.Step.Object.Object = diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "pay-overrides"}
	p.refused = []*apply.Refusal{refusal}
	m.perService.show(p)
	want := map[string]float64{
		"overrides_service_pinned shop/cart": 0, "overrides_service_ready_pods shop/cart": 3, "overrides_service_open_doors shop/cart": 2,
		"overrides_service_waits shop/cart": 1, "overrides_service_refused shop/cart": 0,
		"overrides_service_pinned shop/pay": 1, "overrides_service_ready_pods shop/pay": 0, "overrides_service_open_doors shop/pay": 0,
		"overrides_service_waits shop/pay": 0, "overrides_service_refused shop/pay": 1,
	}
	if diff := cmp.Diff(want, series()); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	p.current, p.refused = []current.Service{pay}, nil
	m.perService.show(p)
	if got := series(); len(got) != 5 || got["overrides_service_refused shop/pay"] != 0 {
		t.Errorf("without cart: %v", got)
	}
	other := &islandState{look: look{current: []current.Service{pay}}}
	m.perService.show(other)
	m.perService.end(p)
	if got := series(); len(got) != 5 {
		t.Errorf("pay is in another island: %v", got)
	}
	m.perService.end(other)
	if got := series(); len(got) > 0 {
		t.Errorf("without Services: %v", got)
	}
}
