package operator

import (
	"maps"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// unreadRevisions returns a diagnostic for each revision of Istio that namespaces use and
// whose mesh configuration is not read, unless flags replace the configuration.
func (o *Options) unreadRevisions(snapshot *model.Snapshot) []diag.Diagnostic {
	mesh := &snapshot.Options.Mesh
	if len(mesh.VirtualServiceExportTo) > 0 && len(mesh.DestinationRuleExportTo) > 0 && len(mesh.ServiceExportTo) > 0 {
		return nil
	}
	read := map[string]bool{discover.MeshConfigMap(""): true}
	for _, revision := range o.Revisions {
		read[discover.MeshConfigMap(revision)] = true
	}
	var out []diag.Diagnostic
	for _, namespace := range slices.Sorted(maps.Keys(snapshot.Revisions)) {
		revision := snapshot.Revisions[namespace]
		name := discover.MeshConfigMap(revision)
		if read[name] {
			continue
		}
		read[name] = true // one diagnostic for each revision
		out = append(out, diag.New(diag.MeshConfigUnread, diag.Object{Kind: "Namespace", Name: namespace},
			"it is of revision %s, whose ConfigMap %s is not read", revision, name))
	}
	return out
}
