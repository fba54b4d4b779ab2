package preview_test

import (
	"fmt"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/preview"
)

// aliases returns the aliases of a preview with a namespace of its own. Every name of a Service
// of its program's namespace means the same there, unless another Service has it.
func aliases(t tester, text string, out preview.Output, request preview.Request) string {
	t.Helper()
	at, there := map[string]corev1.Service{}, map[string]bool{}
	var printed strings.Builder
	for _, o := range out.Objects {
		if o.Kind == "Service" {
			document, _ := yaml.Marshal(o.Content)
			var s corev1.Service
			if err := yaml.Unmarshal(document, &s); err != nil {
				t.Fatal(err)
			}
			if at[s.Name] = s; s.Spec.Type == corev1.ServiceTypeExternalName {
				fmt.Fprintf(&printed, "---\n%s", document)
			}
		}
	}
	var released []corev1.Service
	for document := range strings.SplitSeq(text, "\n---\n") {
		var s corev1.Service
		if err := yaml.Unmarshal([]byte(document), &s); err != nil || s.Kind != "Service" {
			continue
		}
		if s.Namespace == request.Home {
			there[s.Name] = true
		} else {
			released = append(released, s)
		}
	}
	for _, s := range released {
		alias := at[s.Name]
		if s.Spec.Type == corev1.ServiceTypeExternalName || there[s.Name] || s.Annotations["overrides.mesh/version-of"]+s.Labels["overrides.mesh/version-of"] != "" {
			continue
		}
		if alias.Namespace != request.Home || alias.Spec.ExternalName != s.Name+"."+s.Namespace+".svc.cluster.local" || len(alias.Spec.Ports) != len(s.Spec.Ports) {
			t.Errorf("in %s, %s is %+v", request.Home, s.Name, alias)
		}
	}
	return printed.String()
}
