package oracle_test

import (
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/overrides-mesh/overrides/test/istio/oracle"
)

// TestViews looks at virtual hosts and clusters with the objects they come from.
func TestViews(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/mesh-config.txtar")
	if err != nil {
		t.Fatal(err)
	}
	mesh, err := oracle.Load(txtar.Parse(data).Files[0].Data, oracle.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(mesh.Close)
	const host = "cart.shop.svc.cluster.local"
	caller := oracle.Proxy{Namespace: "shop"}
	hosts, err := mesh.Hosts(caller, host, 80)
	if err != nil {
		t.Fatal(err)
	}
	want := []oracle.HostView{
		{
			Name:    host + ":80",
			Domains: []string{host, host + ".", "cart", "cart.shop.svc", "cart.shop", "10.96.0.1"},
			Routes:  []oracle.RouteView{{VirtualService: "shop/cart", Clusters: []string{"outbound|80|v1|" + host}, CatchesAll: true}},
		},
		{Name: "block_all", Domains: []string{"*"}, Routes: []oracle.RouteView{{Name: "block_all", CatchesAll: true}}},
	}
	if diff := cmp.Diff(want, hosts); diff != "" {
		t.Errorf("virtual hosts (-want +got):\n%s", diff)
	}
	rules, err := mesh.Rules(caller)
	if err != nil {
		t.Fatal(err)
	}
	wantRules := map[string]string{"outbound|80||" + host: "shop/cart", "outbound|80|v1|" + host: "shop/cart"}
	if diff := cmp.Diff(wantRules, rules); diff != "" {
		t.Errorf("rules (-want +got):\n%s", diff)
	}
}

// TestRevisions finds those that labels name, and the default one.
func TestRevisions(t *testing.T) {
	t.Parallel()
	data, err := os.ReadFile("testdata/revision.txtar")
	if err != nil {
		t.Fatal(err)
	}
	got, err := oracle.Revisions(txtar.Parse(data).Files[0].Data)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"canary", "default"}, got); diff != "" {
		t.Errorf("revisions (-want +got):\n%s", diff)
	}
}
