package mesh_test

import (
	"testing"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestTableDelegates: if a table delegates, its routes are Istio's result of the
// delegation, whatever the rows of the table are; none if Istio ignores it.
func TestTableDelegates(t *testing.T) {
	t.Parallel()
	to := func(host string, weight int32) *istioapi.HTTPRouteDestination {
		return &istioapi.HTTPRouteDestination{Destination: &istioapi.Destination{Host: host}, Weight: weight}
	}
	delegate := &istioapi.VirtualService{Http: []*istioapi.HTTPRoute{{Name: "main", Route: []*istioapi.HTTPRouteDestination{to("stable", 60), to("canary", 40)}}}}
	withHosts := &istioapi.VirtualService{Hosts: []string{"cart"}, Http: delegate.Http}
	private := &istioapi.VirtualService{ExportTo: []string{"lab"}, Http: delegate.Http}
	d := &route.Delegation{Namespace: "shop", Delegate: "cart", Name: "root", Base: &istioapi.HTTPRoute{}, Rows: 1}
	for _, test := range []struct {
		name string
		spec *istioapi.VirtualService
		row  route.Route
		want []string
	}{
		{"delegates", delegate, route.Route{Delegated: d, Destinations: []route.Destination{{Host: "what-it-says"}}}, []string{"root-main", "stable.shop.svc.cluster.local", "canary.shop.svc.cluster.local"}},
		{"is changed", delegate, route.Route{Name: "row", Base: &istioapi.HTTPRoute{Name: "row"}, Destinations: []route.Destination{{Host: "what-it-says"}}}, []string{"row", "what-it-says"}},
		{"has hosts", withHosts, route.Route{Delegated: d}, nil},
		{"is not exported", private, route.Route{Delegated: d}, nil},
	} {
		m := mesh.New(&model.Snapshot{
			Options: model.DefaultOptions(), Namespaces: []string{"shop", "lab"},
			VirtualServices: []model.VirtualService{{Namespace: "shop", Name: "cart", Spec: test.spec}},
		})
		table := route.Table{Namespace: "shop", Name: "cart-overrides", Hosts: []string{"cart.shop.svc.cluster.local"}, Routes: []route.Route{test.row}}
		var got []string
		for _, r := range m.Ours([]route.Table{table}, nil).Sources()[0].Routes {
			got = append(got, r.HTTP.GetName())
			for _, d := range r.Destinations {
				got = append(got, d.Host)
			}
		}
		if len(got) != len(test.want) {
			t.Errorf("%s: got %q, want %q", test.name, got, test.want)
			continue
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%s: got %q, want %q", test.name, got, test.want)
				break
			}
		}
	}
}
