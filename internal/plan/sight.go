package plan

import (
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// memberBegin begins every pattern of package grammar for a member.
const memberBegin = `(?:.*,)?[ \t]*`

// Routes is what the routes of a VirtualService name: all that a plan asks of one
// that is in place.
type Routes struct {
	exportTo []string
	// names are all clusters that it names: overridden those of override rows,
	// ordinary those of others.
	names, overridden, ordinary map[Cluster]bool
	// overrides are the override rows: where each leads, by its name.
	overrides map[string]Cluster
}

// ReadRoutes reads a VirtualService.
func ReadRoutes(v *istioapi.VirtualService) *Routes {
	r := &Routes{
		exportTo: v.GetExportTo(), names: map[Cluster]bool{}, overridden: map[Cluster]bool{}, ordinary: map[Cluster]bool{},
		overrides: map[string]Cluster{},
	}
	for _, h := range v.GetHttp() {
		rows := r.ordinary
		clusters := named(h)
		if isOverride(h) {
			rows = r.overridden
			if len(h.GetRoute()) == 1 {
				r.overrides[h.GetName()] = clusters[0]
			}
		}
		for _, c := range clusters {
			r.names[c], rows[c] = true, true
		}
	}
	return r
}

// sight is an observed object; its Routes name nothing where it has none.
type sight struct {
	*Observed
	*Routes
}

// look indexes what is observed.
func look(observed []Observed) map[diag.Object]*sight {
	out := make(map[diag.Object]*sight, len(observed))
	for i := range observed {
		s := &sight{Observed: &observed[i], Routes: observed[i].Routes}
		if s.Routes == nil {
			s.Routes = &Routes{}
		}
		out[s.Object] = s
	}
	return out
}

// named lists the clusters that a route names, the destinations first.
func named(h *istioapi.HTTPRoute) []Cluster {
	var out []Cluster
	add := func(d *istioapi.Destination) {
		if d.GetHost() != "" {
			out = append(out, Cluster{d.GetHost(), d.GetSubset()})
		}
	}
	for _, r := range h.GetRoute() {
		add(r.GetDestination())
	}
	add(h.GetMirror())
	for _, m := range h.GetMirrors() {
		add(m.GetDestination())
	}
	return out
}

// isOverride reports whether h is a row for requests that carry an override: an
// override row, or one that answers strict members. A name alone is not enough,
// since a route of the user's keeps the name that it has.
func isOverride(h *istioapi.HTTPRoute) bool {
	if !strings.HasPrefix(h.GetName(), "override.") && !strings.HasPrefix(h.GetName(), "unavailable.") {
		return false
	}
	return len(h.GetMatch()) > 0 && !slices.ContainsFunc(h.GetMatch(), func(m *istioapi.HTTPMatchRequest) bool {
		for _, header := range m.GetHeaders() {
			if strings.HasPrefix(header.GetRegex(), memberBegin) {
				return false
			}
		}
		return true
	})
}
