package istiod_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/types/known/structpb"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/proxysync"
	"github.com/overrides-mesh/overrides/internal/proxysync/istiod"
)

const (
	routeType = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
	routeName = "cart.shop.svc.cluster.local:80"
)

// configuration is the route configuration of a Service, with routes of these names.
func configuration(t *testing.T, rows ...string) *routev3.RouteConfiguration {
	t.Helper()
	of, err := structpb.NewStruct(map[string]any{"config": "/apis/networking.istio.io/v1/namespaces/shop/virtual-service/cart-overrides"})
	if err != nil {
		t.Fatal(err)
	}
	host := &routev3.VirtualHost{Name: routeName, Domains: []string{"*"}}
	for _, name := range rows {
		action := &routev3.RouteAction{ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "outbound|80|" + name + "|cart.shop.svc.cluster.local"}}
		host.Routes = append(host.Routes, &routev3.Route{
			Name: name, Action: &routev3.Route_Route{Route: action},
			Metadata: &corev3.Metadata{FilterMetadata: map[string]*structpb.Struct{"istio": of}},
		})
	}
	return &routev3.RouteConfiguration{Name: routeName, VirtualHosts: []*routev3.VirtualHost{host}}
}

// TestRoutes: the subscription to routes uses the same stream. Responses come with the
// answers that follow them, are acknowledged, and are sent again on a refresh. The
// subscription ends with a query without routes.
func TestRoutes(t *testing.T) {
	t.Parallel()
	ca := newAuthority(t)
	var heard []string
	sent := 0
	f := speaking("")
	f.routes = func(w http.ResponseWriter, r *discoveryRequest) {
		f.note(&heard, fmt.Sprint(r.names, " ", r.version, " ", r.nonce))
		if r.nonce == "" {
			sent++
			push(w, fmt.Sprint("n", sent), configuration(t, "override.cart.v2", "default"))
		}
	}
	answer, rounds := f.answer, 0
	f.answer = func(w http.ResponseWriter, question string) bool {
		if rounds++; rounds == 2 {
			sent += 2
			push(w, "n2", configuration(t))
			push(w, "n3", &routev3.RouteConfiguration{Name: routeName})
		}
		return answer(w, question)
	}
	k := &kubernetes{root: ca.root(), addresses: []string{f.start(t, ca.issue(t, "istiod.istio-system.svc"))}}
	session, err := k.client(t, istiod.Options{}).Open(bounded(t, 10*time.Second))
	if err != nil {
		t.Fatal(err)
	}
	defer session.Close()
	at := func(nonce string, hosts bool, rows ...proxysync.Row) proxysync.Routes {
		return proxysync.Routes{Istiod: k.addresses[0], Nonce: nonce, Configurations: []proxysync.Configuration{{Name: routeName, Hosts: hosts, Rows: rows}}}
	}
	row := proxysync.Row{
		Object: diag.Object{Kind: "VirtualService", Namespace: "shop", Name: "cart-overrides"}, Name: "override.cart.v2",
		Clusters: []string{"outbound|80|override.cart.v2|cart.shop.svc.cluster.local"},
	}
	names := []string{routeName}
	for i, test := range []struct {
		query istiod.Query
		want  []proxysync.Routes
	}{
		{istiod.Query{Routes: names}, []proxysync.Routes{at("n1", true, row)}},
		{istiod.Query{Routes: names}, []proxysync.Routes{at("n2", true), at("n3", false)}},
		{istiod.Query{Routes: names, Refresh: true}, []proxysync.Routes{at("n4", true, row)}},
		{istiod.Query{Refresh: true}, nil},
		{istiod.Query{}, nil},
	} {
		reply, err := session.Round(bounded(t, 10*time.Second), &test.query)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(test.want, reply.Routes); diff != "" {
			t.Errorf("round %d (-want +got):\n%s", i, diff)
		}
		if len(reply.Answers) != 1 || len(reply.Answers[0].Proxies) != 2 {
			t.Errorf("round %d: answers %v", i, reply.Answers)
		}
	}
	name := "[" + routeName + "]"
	want := []string{name + "  ", name + " of n1 n1", name + " of n2 n2", name + " of n3 n3", name + "  ", name + " of n4 n4", "[] of n4 n4"}
	if diff := cmp.Diff(want, f.list(&heard)); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
}
