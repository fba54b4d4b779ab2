package prove

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
)

// everywhere stands for all namespaces, if nothing tells callers apart.
const everywhere = "*"

// placesOf lists the namespaces of callers.
func placesOf(class *mesh.Class) map[string]bool {
	if class.Any() {
		return map[string]bool{everywhere: true}
	}
	out := map[string]bool{}
	for _, n := range namespacesOf(class) {
		out[n] = true
	}
	return out
}

// callersIn returns the namespaces in which callers of a Service may be. Nothing is known
// about the root namespace if the input does not name it.
func callersIn(snapshot *model.Snapshot, service *compile.Service, namespaces map[string]bool) map[string]bool {
	out := maps.Clone(namespaces)
	if root := snapshot.Options.RootNamespace; out[root] && !slices.Contains(snapshot.Namespaces, root) {
		delete(out, root)
		out[mesh.Elsewhere] = true
	}
	if snapshot.AllNamespaces || snapshot.Options.CallerNamespaces != nil || service.Settings.CallerNamespaces != nil {
		delete(out, mesh.Elsewhere)
	}
	return out
}

// where lists the namespaces of callers.
func where(from map[string]bool) string {
	if from[everywhere] {
		return "all namespaces"
	}
	var names []string
	for _, n := range slices.Sorted(maps.Keys(from)) {
		if n != mesh.Elsewhere {
			names = append(names, n)
		}
	}
	text := ""
	const most = 5
	switch {
	case len(names) > most:
		text = "namespaces " + strings.Join(names[:most], ", ") + fmt.Sprintf(" and %d more", len(names)-most)
	case len(names) == 1:
		text = "namespace " + names[0]
	case len(names) > 1:
		text = "namespaces " + strings.Join(names, ", ")
	}
	switch {
	case !from[mesh.Elsewhere]:
	case text == "":
		text = "namespaces that the input does not name"
	default:
		text += " and those that the input does not name"
	}
	return text
}
