package proxy_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/wrapperspb"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/demo"
	"github.com/overrides-mesh/overrides/internal/demo/proxy"
	"github.com/overrides-mesh/overrides/internal/envoy"
	"github.com/overrides-mesh/overrides/internal/route"
)

// start runs an Envoy; without an Envoy, the test is skipped.
func start(t *testing.T, config *envoy.Config) *proxy.Proxy {
	t.Helper()
	binary, err := demo.FindEnvoy(os.Getenv("ENVOY"))
	if err != nil {
		t.Skip(err)
	}
	dir := filepath.Join(t.TempDir(), "e")
	guard, err := proxy.NewGuard(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	p, err := proxy.Start(t.Context(), proxy.Options{Binary: binary, Dir: dir, Name: "test", Config: config, Guard: guard})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Stop(); err != nil {
			t.Error(err)
		}
		if err := guard.Close(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(dir); !os.IsNotExist(err) {
			t.Errorf("the folder is still there: %v", err)
		}
	})
	return p
}

// empty is a configuration with one virtual host.
func empty(routes ...*routev3.Route) *envoy.Config {
	return &envoy.Config{Routes: &routev3.RouteConfiguration{
		Name:         envoy.RouteName,
		VirtualHosts: []*routev3.VirtualHost{{Name: "all", Domains: []string{"*"}, Routes: routes}},
	}}
}

func answer(name string, match *routev3.RouteMatch) *routev3.Route {
	return &routev3.Route{Name: name, Match: match, Action: &routev3.Route_DirectResponse{DirectResponse: &routev3.DirectResponseAction{
		Status: http.StatusOK,
		Body:   &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: name}},
	}}}
}

func anything() *routev3.RouteMatch {
	return &routev3.RouteMatch{PathSpecifier: &routev3.RouteMatch_Prefix{Prefix: "/"}}
}

// send sends a request through an Envoy and returns its body, or its status.
func send(ctx context.Context, p *proxy.Proxy, r *route.Request) (string, error) {
	client := http.Client{Transport: &http.Transport{
		DisableKeepAlives: true,
		DialContext:       func(ctx context.Context, _, _ string) (net.Conn, error) { return p.Dial(ctx) },
	}}
	req, err := http.NewRequestWithContext(ctx, r.Method, "http://"+r.Authority+r.Path, http.NoBody)
	if err != nil {
		return "", err
	}
	for name, lines := range r.Header {
		req.Header[http.CanonicalHeaderKey(name)] = lines
	}
	res, err := client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return res.Status, nil
	}
	body, err := io.ReadAll(res.Body)
	return string(body), err
}

// TestEnvoyEvaluates: a real Envoy takes the same route as Evaluate, for generated
// tables, callers and requests.
func TestEnvoyEvaluates(t *testing.T) {
	t.Parallel()
	p := start(t, empty())
	if err := p.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	kinds := map[route.Kind]int{}
	rapid.Check(t, func(r *rapid.T) {
		snapshot := compiletest.Snapshot(compiletest.Plain).Draw(r, "snapshot")
		snapshot.VirtualServices, snapshot.DestinationRules = nil, nil
		result := compile.Compile(snapshot)
		mesh, diags := envoy.NewMesh(snapshot, &result, nil)
		if len(diags) > 0 {
			r.Fatal(diags)
		}
		requests := rapid.SliceOfN(compiletest.Request(true, compiletest.Plain), 1, 8).Draw(r, "requests")
		config := mesh.Config(envoy.Proxy{Caller: requests[0].Caller})
		if err := p.Apply(t.Context(), named(config)); err != nil {
			r.Fatal(err)
		}
		for _, request := range requests {
			request.Caller = requests[0].Caller
			for i := range result.Tables {
				table := &result.Tables[i]
				request.Authority = table.Hosts[0]
				if request.Port != 80 {
					request.Authority += ":9090"
				}
				if !slices.ContainsFunc(config.Routes.GetVirtualHosts(), func(h *routev3.VirtualHost) bool {
					return slices.Contains(h.GetDomains(), request.Authority)
				}) {
					continue // the Service has no such port
				}
				decision := route.Evaluate(table, request)
				want := "default"
				if decision.Route >= 0 {
					want = table.Routes[decision.Route].Name
					kinds[table.Routes[decision.Route].Kind]++
				}
				got, err := send(t.Context(), p, request)
				if err != nil || got != want {
					r.Fatalf("%+v\ntook %s (%v), want %s", request, got, err, want)
				}
			}
		}
	})
	for _, kind := range []route.Kind{route.Ordinary, route.Override, route.Unavailable, route.Released} {
		if kinds[kind] == 0 {
			t.Errorf("no request took a route of kind %s", kind)
		}
	}
}

// named returns a configuration whose routes answer with their names.
func named(config *envoy.Config) *envoy.Config {
	routes, _ := proto.Clone(config.Routes).(*routev3.RouteConfiguration)
	for _, host := range routes.GetVirtualHosts() {
		for i, r := range host.GetRoutes() {
			host.Routes[i] = answer(r.GetName(), r.GetMatch())
		}
	}
	return &envoy.Config{Clusters: config.Clusters, Routes: routes}
}

// TestRejected: an error reports a configuration that Envoy refuses, with the reason, and
// the previous one stays in force.
func TestRejected(t *testing.T) {
	t.Parallel()
	p := start(t, empty(answer("good", anything())))
	if err := p.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	bad := empty(&routev3.Route{Match: anything(), Action: &routev3.Route_Route{Route: &routev3.RouteAction{
		ClusterSpecifier: &routev3.RouteAction_Cluster{Cluster: "nowhere"},
	}}})
	bad.Routes.ValidateClusters = wrapperspb.Bool(true)
	err := p.Apply(t.Context(), bad)
	if err == nil || !strings.Contains(err.Error(), "rejects") || !strings.Contains(err.Error(), "unknown cluster 'nowhere'") {
		t.Errorf("got %v", err)
	}
	got, err := send(t.Context(), p, &route.Request{Method: http.MethodGet, Authority: "any", Path: "/"})
	if err != nil || got != "good" {
		t.Errorf("the request was answered by %s (%v)", got, err)
	}
}

// TestBadStart: the error of an Envoy that can't be configured has the reason.
func TestBadStart(t *testing.T) {
	t.Parallel()
	config := empty(answer("good", anything()))
	config.Clusters = []*clusterv3.Cluster{{Name: "bad", ClusterDiscoveryType: &clusterv3.Cluster_Type{Type: clusterv3.Cluster_EDS}}}
	err := start(t, config).Ready(t.Context())
	if err == nil || !strings.Contains(err.Error(), "rejects") || !strings.Contains(err.Error(), "cannot create an EDS cluster") {
		t.Errorf("got %v", err)
	}
}

// TestWait: an Envoy that ends by itself is distinguished from one that was stopped.
func TestWait(t *testing.T) {
	t.Parallel()
	p := start(t, empty())
	if err := p.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	process, err := os.FindProcess(p.Pid())
	if err != nil {
		t.Fatal(err)
	}
	if err := process.Kill(); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err == nil || !strings.Contains(err.Error(), "test: envoy ended: signal: killed") {
		t.Errorf("got %v", err)
	}
}
