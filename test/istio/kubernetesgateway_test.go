package istio_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/test/istio/oracle"
)

// publicGateway is the pod of the drawn Kubernetes Gateways.
func publicGateway() oracle.Proxy {
	return oracle.Proxy{Namespace: "ingress", Labels: compiletest.GatewayLabels(), Gateway: true}
}

// TestModelOfKubernetesGateways compares package mesh with the real istiod, for the pods of
// Kubernetes Gateways: both have the same virtual hosts, with the same rules in the same
// order, except for hosts of which the model says that it does not know the order.
func TestModelOfKubernetesGateways(t *testing.T) {
	compared, mixed := 0, 0
	checkSlowly(t, func(t *rapid.T) {
		c, err := readCluster(t.Context(), compiletest.KubernetesGateways(t))
		if err != nil {
			t.Fatal(err)
		}
		p := kubernetesPair(t, c)
		defer p.real.Close()
		actual, err := p.real.GatewayHosts(publicGateway())
		if err != nil {
			t.Fatal(err)
		}
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
		for _, h := range p.mesh.KubernetesHosts(p.ours, p.order) {
			port, _, _ := strings.Cut(strings.TrimPrefix(h.Configuration, "port "), " ")
			at := [2]string{"http." + port, h.Domain}
			view := left[at]
			delete(left, at)
			if view == nil {
				p.fail(t, fmt.Sprintf("%v: the model has %v, istiod nothing", at, h.Users))
			}
			if h.Mixed || slices.ContainsFunc(h.Users, func(r *model.HTTPRoute) bool { return r.GRPC }) {
				mixed++
				continue
			}
			p.compareRules(t, fmt.Sprintf("%v (%+v)", at, p.order), &h, view)
			compared++
		}
		for at, view := range left {
			p.fail(t, fmt.Sprintf("istiod has %v with %+v, the model nothing", at, view))
		}
	})
	t.Logf("%d hosts, %d of unknown order", compared, mixed)
	if compared == 0 || mixed == 0 {
		t.Error("nothing was compared")
	}
}

// kubernetesPair is the mesh with the objects of Overrides, or without.
func kubernetesPair(t *rapid.T, c *cluster) *pair {
	p := &pair{cluster: c, mesh: mesh.New(c.snapshot)}
	p.load(t)
	return p
}

// compareRules compares the rules of a host. Istiod has a list several times if several
// listeners have it, and drops what is behind a rule for every request.
func (p *pair) compareRules(t *rapid.T, where string, h *mesh.KubernetesHost, view *oracle.HostView) {
	var want, last, got []string
	for i := range h.Rules {
		to := leadsTo(&h.Rules[i])
		if all := h.Rules[i].Match; all.Method == nil && len(all.Headers)+len(all.QueryParams) == 0 && *all.URI == (route.StringMatch{Op: route.PathPrefix, Value: "/"}) {
			last = []string{to}
			break
		}
		want = append(want, to)
	}
	for i := range view.Routes {
		got = append(got, strings.Join(view.Routes[i].Clusters, " "))
	}
	times := len(got) / max(len(want)+len(last), 1)
	if all := slices.Concat(slices.Repeat(want, times), slices.Repeat(last, times)); times == 0 || !slices.Equal(got, all) {
		p.fail(t, fmt.Sprintf("%s:\nthe model has %q, then %q, istiod\n%q", where, want, last, got))
	}
}

// leadsTo returns the cluster of a rule; empty if it redirects or answers.
func leadsTo(r *mesh.AttachedRule) string {
	host := ""
	switch {
	case r.Row != nil && len(r.Row.Destinations) > 0:
		host = r.Row.Destinations[0].Host
	case r.Row != nil && r.Row.Rule != nil:
		host = backendOf(string(r.Row.Rule))
	case r.Row == nil && len(r.Rule.Backends) > 0:
		host = r.Rule.Backends[0].Service + ".shop.svc.cluster.local"
	}
	if host == "" {
		return ""
	}
	return "outbound|80||" + host
}

// backendOf finds the backend in the JSON of a rule.
func backendOf(rule string) string {
	for _, name := range []string{"cart", "web", "media"} {
		if strings.Contains(rule, fmt.Sprintf("%q:%q", "name", name)) {
			return name + ".shop.svc.cluster.local"
		}
	}
	return ""
}

// TestContractAtKubernetesGateways: in the configuration that istiod makes, an ordinary request
// takes the route that it took before, and one with an override the version that it asks for
// of the Service that it would go to, unless a diagnostic says that some gateway does not
// follow overrides: then it may stay as it is.
func TestContractAtKubernetesGateways(t *testing.T) {
	followed, refused := 0, 0
	checkSlowly(t, func(t *rapid.T) {
		c, err := readCluster(t.Context(), compiletest.KubernetesGateways(t))
		if err != nil {
			t.Fatal(err)
		}
		w := &world{cluster: c}
		for _, d := range c.diags {
			if d.Code == diag.OrdinaryTrafficWouldChange {
				w.fail(t, "the proof refuses "+d.Message)
			}
		}
		said := slices.ContainsFunc(c.diags, func(d diag.Diagnostic) bool { return d.Code == diag.GatewayRoutes })
		w.before, err = oracle.Load(c.users, oracle.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer w.before.Close()
		created := rapid.SampledFrom([]string{older, younger, "2026-01-01T00:00:10Z", "2026-01-01T00:00:20Z", "2026-01-01T00:00:25Z"}).Draw(t, "age of ours")
		after, err := oracle.Load(c.with(age{created: created}), oracle.Options{})
		if err != nil {
			t.Fatal(err)
		}
		defer after.Close()
		for range 60 {
			request, asked := compiletest.GatewayRequest(t)
			send := oracle.Request{
				Method: request.Method, Path: request.Path, Header: request.Header, Port: rapid.SampledFrom([]uint32{80, 80, 80, 8080}).Draw(t, "port"),
				Authority: rapid.SampledFrom([]string{"shop.example.com", "shop.example.com", "a.example.com", "b.example.com", "other.com"}).Draw(t, "authority"),
			}
			was, wasErr := w.before.Send(publicGateway(), send)
			now, nowErr := after.Send(publicGateway(), send)
			if fmt.Sprint(wasErr) != fmt.Sprint(nowErr) {
				w.fail(t, fmt.Sprintf("%+v: %v, was %v", send, nowErr, wasErr))
			}
			if wasErr != nil {
				continue // no listener
			}
			want, got := compiletest.Follow(takenBy(&was), asked), takenBy(&now)
			switch {
			case got == want && got != takenBy(&was):
				followed++
			case got != want && said && got == takenBy(&was):
				refused++
			case got != want:
				w.fail(t, fmt.Sprintf("%+v\nasks for %q: %s, want %s, was %s (ours are of %s)\n%v", send, asked, now, want, was, created, c.diags))
			}
		}
	})
	t.Logf("%d requests followed, %d not, as a diagnostic says", followed, refused)
	if followed == 0 || refused == 0 {
		t.Error("nothing was followed, or nothing refused")
	}
}

// takenBy is the name of the Service that a request goes to, or the status of the answer.
func takenBy(a *oracle.Answer) string {
	if a.Status != 0 || len(a.Destinations) == 0 {
		return fmt.Sprint(a.Status)
	}
	name, _, _ := strings.Cut(a.Destinations[0].Host, ".")
	return name
}
