package discover

import (
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/model"
)

func readForwarding(out *model.ForwardingMode, value string) error {
	switch mode := model.ForwardingMode(value); mode {
	case model.ForwardingProgram, model.ForwardingSidecar:
		*out = mode
		return nil
	}
	return fmt.Errorf("write %s or %s", model.ForwardingProgram, model.ForwardingSidecar)
}

// forwardingNamespaces returns the namespaces with a policy that asks sidecars to carry overrides.
// A filter in Istio's root namespace would be for the whole mesh, so there is none.
func forwardingNamespaces(policies []model.Policy, root string) []string {
	var out []string
	for i := range policies {
		if p := &policies[i]; p.Settings.Forwarding == model.ForwardingSidecar && p.Namespace != root {
			out = append(out, p.Namespace)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
