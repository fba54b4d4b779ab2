package istio_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/test/istio/oracle"
	"github.com/overrides-mesh/overrides/test/istio/same"
)

// TestModelOfGateways compares package mesh with the real istiod, for pods of gateways: for
// generated clusters, with and without the output of Overrides, both have the same virtual
// hosts on the same listeners, with the same routes of the same VirtualServices.
func TestModelOfGateways(t *testing.T) {
	compared := 0
	check(t, func(t *rapid.T) {
		c, err := readCluster(t.Context(), compiletest.Manifests(compiletest.Front(described).Draw(t, "snapshot")))
		if err != nil {
			t.Fatal(err)
		}
		if len(c.snapshot.GatewayPods) == 0 || before131 && newer(c.snapshot) {
			return
		}
		p := newPair(t, c)
		defer p.real.Close()
		x := p.mesh.Gateways(p.ours, p.order)
		for _, pods := range c.snapshot.GatewayPods {
			class := mesh.GatewayClass(pods, p.options.Revision)
			proxy := oracle.Proxy{Namespace: pods.Namespace, Labels: pods.Labels, Gateway: true}
			actual, err := p.real.GatewayHosts(proxy)
			if err != nil {
				t.Fatal(err)
			}
			compared += p.compareGateway(t, &asked{x, class, proxy}, actual)
		}
	})
	if compared == 0 {
		t.Error("no host was compared")
	}
}

// compareGateway compares the hosts of some pods, and returns how many there are.
func (p *pair) compareGateway(t *rapid.T, of *asked, actual map[string][]oracle.HostView) int {
	left := map[[2]string]*oracle.HostView{}
	for listener, hosts := range actual {
		for i := range hosts {
			for _, domain := range hosts[i].Domains {
				if len(hosts[i].Routes) > 0 {
					left[[2]string{listener, domain}] = &hosts[i]
				}
			}
		}
	}
	said := of.island.GatewayHosts(of.class)
	for i := range said {
		at := [2]string{said[i].Listener, said[i].Domains[0]}
		view := left[at]
		delete(left, at)
		where := fmt.Sprintf("%s, %s, %s (%+v):\n", of.class, at[0], at[1], p.order)
		if slices.ContainsFunc(said[i].Parts, func(p mesh.GatewayPart) bool { return p.Source.Problem != nil }) {
			continue // the model says that it does not know
		}
		if view == nil {
			p.fail(t, fmt.Sprintf("%sthe model has %+v, istiod nothing", where, said[i]))
		}
		p.compareGatewayHost(t, where, &said[i], view)
		for j := range said[i].Routes {
			if got := p.clustersOf(t, of, said[i].Port, &said[i].Routes[j]); j < len(view.Routes) && !slices.Equal(got, view.Routes[j].Clusters) {
				p.fail(t, fmt.Sprintf("%sroute %d leads to %v, istiod's to %v", where, j, got, view.Routes[j].Clusters))
			}
		}
	}
	for at, view := range left {
		p.fail(t, fmt.Sprintf("%s: istiod has %v with %+v, the model nothing", of.class, at, view))
	}
	return len(said)
}

// compareGatewayHost compares whose routes a host has, in order.
func (p *pair) compareGatewayHost(t *rapid.T, where string, said *mesh.GatewayHost, view *oracle.HostView) {
	var want, got []string
	for i := range view.Routes {
		got = append(got, view.Routes[i].VirtualService)
	}
	for i := range said.Routes {
		o := said.Routes[i].From().Object
		want = append(want, o.Namespace+"/"+o.Name)
	}
	if !slices.Equal(got, want) {
		p.fail(t, fmt.Sprintf("%sthe model has routes of %v, istiod of %v", where, want, got))
	}
}

// TestContractAtGateways is [TestContractInIstio] at gateways: nothing but the pin differs
// for an ordinary request, and a request with overrides takes the route that Evaluate
// returns.
func TestContractAtGateways(t *testing.T) {
	tables, changed := 0, 0
	check(t, func(t *rapid.T) {
		w := drawWorldOf(t, compiletest.Front(), func(*compile.Result) bool { return true })
		if !slices.ContainsFunc(w.result.Tables, func(t route.Table) bool { return t.Gateways != nil }) {
			return
		}
		tables++
		options := w.options(t)
		w.revision = options.Revision
		var err error
		if w.before, w.after, err = w.load(options); err != nil {
			t.Fatal(err)
		}
		defer closeAll(w.before, w.after)
		for _, pods := range w.snapshot.GatewayPods {
			if !w.reaches(pods.Namespace) {
				continue
			}
			for range 8 {
				changed += w.checkGateway(t, oracle.Proxy{Namespace: pods.Namespace, Labels: pods.Labels, Gateway: true})
			}
		}
	})
	t.Logf("%d clusters, %d requests", tables, changed)
	if tables == 0 || changed == 0 {
		t.Errorf("%d clusters had a table for gateways, and %d requests took one", tables, changed)
	}
}

// checkGateway sends a request to a host of a gateway, and returns how many took a table.
func (w *world) checkGateway(t *rapid.T, from oracle.Proxy) int {
	carriers := rapid.Bool().Draw(t, "carriers")
	request := compiletest.Request(carriers).Draw(t, "request")
	request.Authority = rapid.SampledFrom([]string{"front.example.com", "front.example.com", "shop.example.com", "a.shop.example.com", "cart.shop.svc.cluster.local", "other"}).Draw(t, "host")
	request.Port = rapid.SampledFrom([]uint32{80, 80, 80, 8080}).Draw(t, "gateway port")
	request.Caller = route.Caller{Namespace: from.Namespace, Labels: from.Labels}
	asked := oracle.Request{Port: request.Port, Method: request.Method, Scheme: request.Scheme, Path: request.Path, Header: request.Header, Authority: request.Authority}
	before, beforeErr := w.before.Send(from, asked)
	taken := 0
	for i, a := range w.ages() {
		after, err := w.after[i].Send(from, asked)
		if fmt.Sprint(err) != fmt.Sprint(beforeErr) {
			w.fail(t, fmt.Sprintf("%s: %v, was %v", a.name, err, beforeErr))
		}
		if err != nil {
			continue
		}
		context := fmt.Sprintf("from %+v: %+v\nbefore %v\nafter  %v\nours are %s\n", from, asked, before, after, a.name)
		if table := w.tableNamed(after.VirtualService()); table != nil {
			taken++
			w.compareEvaluate(t, context, table, request, after)
		}
		w.checkClusters(t, context, before, after)
		if carriers {
			continue
		}
		if found := same.Differences(before, after, w.pinned); len(found) > 0 && !w.allowed(found) {
			w.fail(t, context+strings.Join(found, "\n"))
		}
		for _, pod := range w.unreleased(after) {
			if !w.warnsOf(pod) {
				w.fail(t, context+"reaches "+pod+", and no warning says so")
			}
		}
	}
	return taken
}

// tableNamed returns the table that became a VirtualService; nil for none.
func (w *world) tableNamed(name string) *route.Table {
	for i := range w.result.Tables {
		if t := &w.result.Tables[i]; t.Namespace+"/"+t.Name == name {
			return t
		}
	}
	return nil
}
