package plan

import (
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// memberBegin begins every pattern of package grammar for a member.
const memberBegin = `(?:.*,)?[ \t]*`

// sight is an observed object and what its routes name.
type sight struct {
	*Observed
	// names are all clusters that it names: overridden those of override rows,
	// ordinary those of others.
	names, overridden, ordinary map[Cluster]bool
	// overrides are the override rows: where each leads, by its name.
	overrides map[string]Cluster
}

// look reads what is observed.
func look(observed []Observed) map[diag.Object]*sight {
	out := make(map[diag.Object]*sight, len(observed))
	for i := range observed {
		s := &sight{
			Observed: &observed[i], names: map[Cluster]bool{}, overridden: map[Cluster]bool{}, ordinary: map[Cluster]bool{},
			overrides: map[string]Cluster{},
		}
		out[s.Object] = s
		for _, h := range s.VirtualService.GetHttp() {
			rows := s.ordinary
			clusters := named(h)
			if isOverride(h) {
				rows = s.overridden
				if len(h.GetRoute()) == 1 {
					s.overrides[h.GetName()] = clusters[0]
				}
			}
			for _, c := range clusters {
				s.names[c], rows[c] = true, true
			}
		}
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

// meta is the metadata of ours.
func (s *sight) meta() *metav1.ObjectMeta {
	return &metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name, Labels: s.Labels, Annotations: s.Annotations}
}
