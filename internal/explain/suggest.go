package explain

import (
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Suggest returns diagnostics, of which those about a Service that does not exist say which
// one is most likely meant. It looks at all Services: a compiler of islands does not know
// those of others.
//
//	there is                              the fix
//	------------------------------------  --------------------------------
//	one of that name in other namespaces  move the object to the namespace
//	one of a similar name                 correct the name
//	none of these                         that of the code
func Suggest(snapshot *model.Snapshot, list []diag.Diagnostic) []diag.Diagnostic {
	out := slices.Clone(list)
	for i := range out {
		d := &out[i]
		if d.Target == (diag.Object{}) {
			continue
		}
		var correct, move string
		switch d.Code {
		case diag.IsolatedBaseNotFound:
			correct, move = "set overrides.mesh/version-of to %s", "put it and its pods into namespace %s, or set overrides.mesh/version-of to "+d.Target.Name+".NAMESPACE, which that Service has to permit"
		case diag.PolicyTargetNotFound:
			correct, move = "write %s in spec.targetRefs", "put the policy into namespace %s: it can only be for Services of its own namespace"
		default:
			continue
		}
		var namespaces, names []string
		for j := range snapshot.Services {
			switch s := &snapshot.Services[j]; {
			case s.VersionOf != "" || s.Object() == d.Object:
			case s.Name == d.Target.Name:
				namespaces = append(namespaces, s.Namespace)
			case s.Namespace == d.Target.Namespace:
				names = append(names, s.Name)
			}
		}
		slices.Sort(namespaces)
		near := Nearest(d.Target.Name, names)
		if near != "" && d.Code == diag.IsolatedBaseNotFound && d.Target.Namespace != d.Object.Namespace {
			near += "." + d.Target.Namespace
		}
		switch {
		case len(namespaces) > 0:
			d.Message += "; there is one in " + among(namespaces)
			d.Fix = fmt.Sprintf(move, join(namespaces, "or"))
			if d.Object.Namespace == metav1.NamespaceDefault && d.Origin.File != "" && len(namespaces) == 1 {
				// Most likely the document names no namespace.
				d.Fix = fmt.Sprintf("if this document has no namespace, add metadata.namespace: %s, or pass -n %s; else %s", namespaces[0], namespaces[0], d.Fix)
			}
		case near != "":
			d.Message += DidYouMean(near)
			d.Fix = fmt.Sprintf(correct, near)
		}
	}
	return out
}

// among names one namespace, or several.
func among(namespaces []string) string {
	if len(namespaces) == 1 {
		return "namespace " + namespaces[0]
	}
	return "namespaces " + join(namespaces, "and")
}
