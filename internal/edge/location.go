package edge

import (
	"strings"

	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	headerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	istioapi "istio.io/api/networking/v1alpha3"
)

const (
	// previewHostHeader has the preview host of a request, which the application gets with
	// the ordinary one. A client can't send it.
	previewHostHeader = "x-preview-host"
	locationFilter    = "overrides.location"
	router            = "envoy.filters.http.router"
)

// location returns the filter that leads an application's redirect to the ordinary host back
// to the preview host that was asked for:
//
//	x-preview-host: pr-118.preview.shop.example.com
//	location: https://shop.example.com/cart   ->   https://pr-118.preview.shop.example.com/cart
func (m *maker) location() (*istioapi.EnvoyFilter_EnvoyConfigObjectPatch, error) {
	mutations := make([]*mutationv3.HeaderMutation, len(m.PreviewHosts))
	for i, p := range m.PreviewHosts {
		mutations[i] = &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
			Header: &corev3.HeaderValue{Key: "location", Value: ledBack(p)}, AppendAction: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS,
		}}}
	}
	config := &headerv3.HeaderMutation{Mutations: &headerv3.Mutations{ResponseMutations: mutations}}
	return HTTPFilter(istioapi.EnvoyFilter_GATEWAY, locationFilter, config, router)
}

// ledBack returns the location for a preview host: scheme, host and rest, each empty if the
// response does not lead from a preview host to its ordinary one.
func ledBack(p PreviewHost) string {
	const location, preview = `response.headers["location"]`, `request.headers["` + previewHostHeader + `"]`
	domain := "." + p.Domain
	condition := strings.Join([]string{
		quoted(previewHostHeader) + " in request.headers",
		"(" + preview + ".endsWith(" + quoted(domain) + ") || " + preview + ".contains(" + quoted(domain+":") + "))",
		quoted("location") + " in response.headers",
		"re.extract(" + location + ", " + quoted(`^https?://([^/?#:]*)`) + ", " + quoted(`\1`) + ") == " + quoted(p.Host),
	}, " && ")
	part := func(value string) string { return "%CEL(" + condition + " ? " + value + ` : "")%` }
	return part("re.extract("+location+", "+quoted(`^(https?://)`)+", "+quoted(`\1`)+")") +
		part(preview) +
		part("re.extract("+location+", "+quoted(`^https?://[^/?#]*(.*)$`)+", "+quoted(`\1`)+")")
}
