package compiletest

import (
	"github.com/overrides-mesh/overrides/internal/model"
)

// mesh draws what holds for all of a cluster: its namespaces and their callers,
// their revisions, and the mesh configuration.
func (d *draw) mesh(s *model.Snapshot) {
	s.Namespaces = append(s.Namespaces, front, rootNamespace, routing)
	s.Callers = append(s.Callers,
		model.Caller{Namespace: front, Name: "web", Label: "app"},
		model.Caller{Namespace: rootNamespace, Name: "prober", Label: "app", NoSidecar: d.has(Doors)})
	if d.has(Revisions) {
		s.Tags = map[string]string{"prod": pick(d, "revision of the tag", "canary", "default")}
		s.Revisions = map[string]string{}
		for _, namespace := range []string{"shop", "lab", front, rootNamespace} {
			if revision := pick(d, "revision of "+namespace, "", "default", "canary", "prod", "gone"); revision != "" {
				s.Revisions[namespace] = revision
			}
		}
	}
	if d.has(MeshDefaults) {
		s.Mesh = model.MeshConfig{
			VirtualServiceExportTo:  d.meshDefault("VirtualServices"),
			DestinationRuleExportTo: d.meshDefault("DestinationRules"),
			ServiceExportTo:         d.meshDefault("Services"),
		}
	}
}

// meshDefault draws who sees what does not say it itself.
func (d *draw) meshDefault(kind string) []string {
	return pick(d, "default exportTo of "+kind, nil, []string{"."}, []string{"*"}, []string{"~"}, []string{"shop"}, []string{".", front})
}

// exportTo draws who sees an object in a namespace.
func (d *draw) exportTo(namespace string) []string {
	if !d.has(PrivateRules) {
		return nil
	}
	other := "lab"
	if namespace == other {
		other = "shop"
	}
	return pick(d, "exportTo", nil, nil, []string{"."}, []string{"*"}, []string{namespace}, []string{other}, []string{front},
		[]string{".", other}, unique([]string{namespace, front, rootNamespace}))
}

// ruleNamespace draws where an object that says something about Services is.
func (d *draw) ruleNamespace() string {
	if d.has(PrivateRules | Sidecars | MeshDefaults) {
		return pick(d, "rule namespace", "shop", "shop", "shop", "lab", front, rootNamespace, routing)
	}
	return pick(d, "rule namespace", "shop", "shop", "lab")
}
