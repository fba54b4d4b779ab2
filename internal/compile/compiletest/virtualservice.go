package compiletest

import (
	"fmt"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/model"
)

// virtualServices draws the VirtualServices of a cluster, and those that they delegate to.
func (d *draw) virtualServices() []model.VirtualService {
	var out []model.VirtualService
	for i := range pick(d, "VirtualServices", 0, 1, 1, 2, 2, 3, 4) {
		out = append(out, d.virtualService(i))
	}
	if d.has(OtherProtocols) && len(out) > 0 && d.oneIn(2, "split") {
		out = append(out, d.otherHalf(&out[0]))
	}
	out = append(out, d.delegates()...)
	if d.has(Refused) && d.oneIn(2, "refused") {
		out = append(out, d.refused())
	}
	return out
}

func (d *draw) virtualService(i int) model.VirtualService {
	f := d.focus()
	v := model.VirtualService{
		Namespace: d.ruleNamespace(), Name: fmt.Sprintf("vs-%d", i), Created: d.age(), Revision: d.revision(),
	}
	if d.has(Names) && d.oneIn(2, "odd name") {
		// The first two are names of what is made, or lead to them; names of objects are longer than labels.
		v.Name = []string{"cart", "cart-overrides", strings.Repeat("v", 62) + "-canary-routes", "cart-hosts"}[i]
	}
	v.Spec = &istioapi.VirtualService{
		Hosts:    d.hosts(f, v.Namespace),
		ExportTo: d.exportTo(v.Namespace),
		Gateways: d.gateways(),
		Http:     d.routes(f, v.Namespace),
	}
	if d.has(OtherProtocols) && d.oneIn(3, "other protocol") {
		d.otherProtocol(v.Spec, f, v.Namespace)
	}
	return v
}

// publicGateway is where gateway routes are.
const publicGateway = "istio-system/public"

func (d *draw) gateways() []string {
	if !d.has(Gateways) {
		return nil
	}
	return pick(d, "gateways", nil, []string{"mesh"}, []string{publicGateway}, []string{publicGateway, "mesh"})
}

// otherHalf draws a VirtualService for the hosts of another one, without HTTP routes.
func (d *draw) otherHalf(of *model.VirtualService) model.VirtualService {
	v := model.VirtualService{Namespace: of.Namespace, Name: "other-half", Created: d.age(), Spec: &istioapi.VirtualService{Hosts: of.Spec.Hosts}}
	d.otherProtocol(v.Spec, d.focus(), v.Namespace)
	v.Spec.Http = nil
	return v
}

// otherProtocol adds routes for TLS or TCP.
func (d *draw) otherProtocol(spec *istioapi.VirtualService, f focus, namespace string) {
	to := []*istioapi.RouteDestination{{Destination: &istioapi.Destination{
		Host: f.spelling(namespace), Port: &istioapi.PortSelector{Number: pick[uint32](d, "port of the other protocol", 443, 9999)},
	}}}
	if d.oneIn(2, "tcp") {
		spec.Tcp = []*istioapi.TCPRoute{{Match: []*istioapi.L4MatchAttributes{{Port: 9999}}, Route: to}}
		return
	}
	spec.Tls = []*istioapi.TLSRoute{{Match: []*istioapi.TLSMatchAttributes{{Port: 443, SniHosts: spec.Hosts[:1]}}, Route: to}}
}

// delegates draws what routes delegate to: in two namespaces, sometimes private.
func (d *draw) delegates() []model.VirtualService {
	if !d.has(Delegates) {
		return nil
	}
	var out []model.VirtualService
	for _, namespace := range some(d, "delegates in", 1, 2, "shop", "lab") {
		spec := &istioapi.VirtualService{
			ExportTo: pick(d, "exportTo of a delegate", nil, nil, []string{"."}, []string{"shop"}, []string{front}),
		}
		for _, r := range d.routes(focus{"cart", "shop"}, namespace) {
			if r.Delegate == nil {
				spec.Http = append(spec.Http, r)
			}
		}
		if len(spec.Http) == 0 {
			continue
		}
		out = append(out, model.VirtualService{Namespace: namespace, Name: "delegate", Created: d.age(), Revision: d.revision(), Spec: spec})
	}
	return out
}

// steer has routes that are delegated to be those of a canary, which no pin is needed for: a
// table can delegate to them. It draws last, so that seeds mean what they meant before.
func (d *draw) steer(s *model.Snapshot) {
	if !d.has(Delegates) {
		return
	}
	to := func(host string, weight int32) *istioapi.HTTPRouteDestination {
		return &istioapi.HTTPRouteDestination{Destination: &istioapi.Destination{Host: host}, Weight: weight}
	}
	stable, canary := fqdn("cart-alone", "shop"), "elsewhere.example.com"
	for i := range s.VirtualServices {
		v := &s.VirtualServices[i]
		if len(v.Spec.Hosts) > 0 || !d.oneIn(2, "steered") {
			continue
		}
		weighted := &istioapi.HTTPRoute{Name: "primary", Route: []*istioapi.HTTPRouteDestination{to(stable, 60), to(canary, 40)}}
		if d.has(Kept) {
			d.keep(weighted)
		}
		v.Spec.Http = []*istioapi.HTTPRoute{weighted}
		if d.oneIn(2, "tried by some") {
			tried := &istioapi.HTTPRoute{Route: []*istioapi.HTTPRouteDestination{to(stable, 0)}, Match: []*istioapi.HTTPMatchRequest{{}}}
			d.match(tried)
			v.Spec.Http = []*istioapi.HTTPRoute{tried, weighted}
		}
		if at := slices.IndexFunc(s.VirtualServices, func(v model.VirtualService) bool { return len(v.Spec.Hosts) > 0 }); at >= 0 && d.oneIn(2, "the first one is its root") {
			s.VirtualServices[at].Spec.Http = []*istioapi.HTTPRoute{{Delegate: &istioapi.Delegate{Name: v.Name, Namespace: v.Namespace}}}
			d.match(s.VirtualServices[at].Spec.Http[0])
		}
		v.Steered = pick(d, "steered by", model.Steering{Kind: "Canary", Name: "cart"}, model.Steering{Kind: "Rollout"})
	}
}

// refused draws a VirtualService that Istio's webhook does not let in.
func (d *draw) refused() model.VirtualService {
	f := d.focus()
	route := &istioapi.HTTPRoute{Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: f.name}}}}
	spec := &istioapi.VirtualService{Hosts: []string{f.name}, Http: []*istioapi.HTTPRoute{route}}
	switch pick(d, "refused for", "header", "retryOn", "weights", "wildcard", "subset", "regex") {
	case "header":
		route.Match = []*istioapi.HTTPMatchRequest{{Headers: map[string]*istioapi.StringMatch{"x env": exact("a")}}}
	case "retryOn":
		route.Retries = &istioapi.HTTPRetry{Attempts: 2, RetryOn: "5xx,nonsense thing"}
	case "weights":
		route.Route = append(route.Route, route.Route[0].DeepCopy())
	case "wildcard":
		spec.Hosts = []string{"*"}
	case "subset":
		route.Route[0].Destination.Subset = "UPPER_case"
	case "regex":
		route.Match = []*istioapi.HTTPMatchRequest{{Uri: regex("(")}}
	}
	return model.VirtualService{Namespace: f.namespace, Name: "refused", Created: d.age(), Spec: spec}
}
