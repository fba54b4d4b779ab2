package compiletest

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	istioapi "istio.io/api/networking/v1alpha3"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/model"
)

// virtualServices generates up to two for the hosts of the cluster, and one
// without hosts that they may delegate to.
func virtualServices(t *rapid.T) []model.VirtualService {
	hosts := []string{"cart", "web", "cart.shop.svc.cluster.local", "front.example.com", "*.shop.svc.cluster.local"}
	var out []model.VirtualService
	for i := range rapid.IntRange(1, 2).Draw(t, "vsCount") {
		spec := &istioapi.VirtualService{
			Hosts:    rapid.SliceOfNDistinct(rapid.SampledFrom(hosts), 1, 2, rapid.ID).Draw(t, "vsHosts"),
			ExportTo: rapid.SampledFrom([][]string{nil, nil, nil, {"*"}, {"."}}).Draw(t, "vsExportTo"),
			Http:     HTTPRoutes(true).Draw(t, "http"),
		}
		v := model.VirtualService{
			Namespace: rapid.SampledFrom([]string{"shop", "shop", "lab"}).Draw(t, "vsNamespace"),
			Name:      fmt.Sprintf("vs-%d", i), Spec: spec,
		}
		if rapid.Bool().Draw(t, "vsAged") {
			v.Created = epoch.Add(time.Duration(i) * time.Minute)
		}
		out = append(out, v)
	}
	return append(out, model.VirtualService{
		Namespace: "shop", Name: "delegate",
		Spec: &istioapi.VirtualService{Http: HTTPRoutes(false).Draw(t, "delegateHTTP")},
	})
}

// HTTPRoutes generates the routes of a VirtualService, with delegates if asked.
func HTTPRoutes(delegates bool) *rapid.Generator[[]*istioapi.HTTPRoute] {
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *istioapi.HTTPRoute {
		r := &istioapi.HTTPRoute{
			Name:  rapid.SampledFrom([]string{"", "", "primary"}).Draw(t, "routeName"),
			Match: rapid.SliceOfN(rapid.Custom(match), 0, 2).Draw(t, "match"),
		}
		kinds := 8
		if delegates {
			kinds = 9
		}
		switch rapid.IntRange(0, kinds).Draw(t, "action") {
		case 0:
			r.Redirect = &istioapi.HTTPRedirect{Uri: "/elsewhere"}
		case 1:
			r.DirectResponse = &istioapi.HTTPDirectResponse{Status: 418}
		case 9:
			r.Delegate = &istioapi.Delegate{Name: "delegate", Namespace: "shop"}
		default:
			r.Route = destinations(t)
			decorate(t, r)
		}
		return r
	}), 1, 4)
}

// decorate adds what an override has to keep.
func decorate(t *rapid.T, r *istioapi.HTTPRoute) {
	if rapid.Bool().Draw(t, "timeout") {
		r.Timeout = durationpb.New(3 * time.Second)
	}
	switch rapid.IntRange(0, 6).Draw(t, "decoration") {
	case 0:
		r.Rewrite = &istioapi.HTTPRewrite{Uri: "/new"}
	case 1:
		r.Retries = &istioapi.HTTPRetry{Attempts: 5}
	case 2:
		r.Headers = &istioapi.Headers{Request: &istioapi.Headers_HeaderOperations{Set: map[string]string{"y": "set"}}}
	case 3:
		r.Mirror = &istioapi.Destination{Host: "web"}
	case 4:
		r.Fault = &istioapi.HTTPFaultInjection{Abort: &istioapi.HTTPFaultInjection_Abort{
			ErrorType:  &istioapi.HTTPFaultInjection_Abort_HttpStatus{HttpStatus: 500},
			Percentage: &istioapi.Percent{Value: 10},
		}}
	}
}

func destinations(t *rapid.T) []*istioapi.HTTPRouteDestination {
	hosts := []string{"cart", "cart", "web", "cart-alone", "cart.shop.svc.cluster.local", "elsewhere.example.com"}
	n := rapid.IntRange(1, 2).Draw(t, "destinations")
	var out []*istioapi.HTTPRouteDestination
	for i := range n {
		d := &istioapi.HTTPRouteDestination{Destination: &istioapi.Destination{Host: rapid.SampledFrom(hosts).Draw(t, "host")}}
		if rapid.IntRange(0, 3).Draw(t, "hasPort") == 0 {
			d.Destination.Port = &istioapi.PortSelector{Number: 80}
		}
		if n > 1 {
			d.Weight = int32(10 + 80*i) //nolint:gosec // 10 or 90
		}
		if rapid.IntRange(0, 4).Draw(t, "destinationHeaders") == 0 {
			d.Headers = &istioapi.Headers{Response: &istioapi.Headers_HeaderOperations{Add: map[string]string{"served": "yes"}}}
		}
		out = append(out, d)
	}
	return out
}

func match(t *rapid.T) *istioapi.HTTPMatchRequest {
	m := &istioapi.HTTPMatchRequest{}
	if rapid.Bool().Draw(t, "hasURI") {
		m.Uri = stringMatch(t, []string{"/", "/api", "/api/v2"})
		m.IgnoreUriCase = rapid.IntRange(0, 4).Draw(t, "ignoreCase") == 0
	}
	for _, f := range []struct {
		name   string
		values []string
		out    *map[string]*istioapi.StringMatch
	}{
		{"x-user", []string{"ann", "an"}, &m.Headers},
		{"baggage", []string{"k=v"}, &m.Headers},
		{"x-user", []string{"ann", "an"}, &m.WithoutHeaders},
		{"baggage", []string{"k=v"}, &m.WithoutHeaders},
		{"q", []string{"1"}, &m.QueryParams},
	} {
		if rapid.IntRange(0, 5).Draw(t, "has "+f.name) == 0 {
			if *f.out == nil {
				*f.out = map[string]*istioapi.StringMatch{}
			}
			(*f.out)[f.name] = stringMatch(t, f.values)
		}
	}
	if rapid.IntRange(0, 4).Draw(t, "hasMethod") == 0 {
		m.Method = stringMatch(t, []string{"GET", "POST"})
	}
	if rapid.IntRange(0, 5).Draw(t, "hasLabels") == 0 {
		m.SourceLabels = map[string]string{"app": rapid.SampledFrom(names).Draw(t, "sourceApp")}
	}
	if rapid.IntRange(0, 7).Draw(t, "hasNamespace") == 0 {
		m.SourceNamespace = rapid.SampledFrom(namespaces).Draw(t, "sourceNamespace")
	}
	if rapid.IntRange(0, 7).Draw(t, "hasPort") == 0 {
		m.Port = 80
	}
	return m
}

func stringMatch(t *rapid.T, values []string) *istioapi.StringMatch {
	value := rapid.SampledFrom(values).Draw(t, "value")
	switch rapid.IntRange(0, 4).Draw(t, "matchType") {
	case 0:
		return &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Prefix{Prefix: value}}
	case 1:
		return &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Regex{Regex: value + ".*"}}
	case 2:
		return &istioapi.StringMatch{}
	}
	return &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Exact{Exact: value}}
}
