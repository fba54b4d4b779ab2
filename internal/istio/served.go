package istio

import (
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/route"
)

// The filter of an HTTPRoute that changes headers of responses: its type, and its field.
const (
	responseFilter   = "ResponseHeaderModifier"
	responseModifier = "responseHeaderModifier"
)

// servedBy is Envoy's operator for the workload that served, as istiod describes it:
// "NAME;NAMESPACE;CANONICAL-NAME;CANONICAL-REVISION;CLUSTER".
const servedBy = "%UPSTREAM_METADATA(istio:workload)%"

// ServedValue is the value of [grammar.ServedHeader] in a row, with Envoy's operator for the workload
// that served. In a response it is
//
//	cart.shop:v2 cart-v2;shop;cart;v2;Kubernetes
func ServedValue(r *route.Route) string {
	return r.Version.Member().String() + " " + servedBy
}

// withServed returns the user's operations on headers, and one that adds what served. It is
// added and not set: a program that passes on the answer of the next service keeps that line.
func withServed(users *istioapi.Headers, r *route.Route) *istioapi.Headers {
	if users == nil {
		users = &istioapi.Headers{}
	}
	if users.Response == nil {
		users.Response = &istioapi.Headers_HeaderOperations{}
	}
	if users.Response.Add == nil {
		users.Response.Add = map[string]string{}
	}
	users.Response.Add[grammar.ServedHeader] = ServedValue(r)
	return users
}

// mostInRule is how many filters a rule of an HTTPRoute has at most, and how many headers one
// adds.
const mostInRule = 16

// filtersWithServed is [withServed] for the filters of a rule, as they are decoded. A rule has one
// filter of responses at most; what does not fit into it is not said.
func filtersWithServed(users any, r *route.Route) []any {
	filters, _ := users.([]any)
	header := map[string]any{"name": grammar.ServedHeader, "value": ServedValue(r)}
	for _, f := range filters {
		if filter, _ := f.(map[string]any); filter["type"] == responseFilter {
			modifier, _ := filter[responseModifier].(map[string]any)
			if added, _ := modifier["add"].([]any); modifier != nil && len(added) < mostInRule {
				modifier["add"] = append(added, header)
			}
			return filters
		}
	}
	if len(filters) == mostInRule {
		return filters
	}
	return append(filters, map[string]any{"type": responseFilter, responseModifier: map[string]any{"add": []any{header}}})
}
