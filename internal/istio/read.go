package istio

import (
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/route"
)

// ReadRoutes returns the routes of a VirtualService in the cluster.
func ReadRoutes(v *istioapi.VirtualService) *route.Placed {
	rows := make([]route.PlacedRow, len(v.GetHttp()))
	for i, h := range v.GetHttp() {
		rows[i] = route.PlacedRow{
			Name: h.GetName(), Override: isOverride(h), Delegates: h.GetDelegate() != nil,
			Names: named(h), Single: len(h.GetRoute()) == 1,
		}
	}
	return route.NewPlaced(v.GetExportTo(), rows)
}

// ReadSubsets returns the subsets of a DestinationRule in the cluster.
func ReadSubsets(d *istioapi.DestinationRule) *route.PlacedSubsets {
	out := &route.PlacedSubsets{Host: d.GetHost(), ExportTo: d.GetExportTo(), Subsets: make([]route.Subset, len(d.GetSubsets()))}
	for i, s := range d.GetSubsets() {
		out.Subsets[i] = route.Subset{Name: s.GetName(), Labels: s.GetLabels(), Policy: s.GetTrafficPolicy()}
	}
	return out
}

// named lists the clusters that a route names, the destinations first.
func named(h *istioapi.HTTPRoute) []route.Cluster {
	r := route.Route{Base: h}
	return r.AppendClusters(r.AppendUsersClusters(nil))
}

// isOverride reports whether h is a row for requests with an override: an override row,
// or one that answers strict members. The name alone is not enough, since a user's route
// keeps its name.
func isOverride(h *istioapi.HTTPRoute) bool {
	if !strings.HasPrefix(h.GetName(), string(route.Override)+".") && !strings.HasPrefix(h.GetName(), string(route.Unavailable)+".") {
		return false
	}
	return len(h.GetMatch()) > 0 && !slices.ContainsFunc(h.GetMatch(), func(m *istioapi.HTTPMatchRequest) bool {
		for _, header := range m.GetHeaders() {
			if grammar.IsMember(header.GetRegex()) {
				return false
			}
		}
		return true
	})
}
