package discover

import (
	"fmt"
	"regexp"
	"slices"

	"github.com/overrides-mesh/overrides/internal/model"
)

// ridingName is a name of the override header that can be the key of a member of tracestate (W3C Trace
// Context §3.3.1.3.1), and is short enough for the patterns of Envoy.
var ridingName = regexp.MustCompile(`^[a-z][a-z0-9-]{0,31}$`)

func readForwarding(out *model.ForwardingMode, value string, options *model.Options) error {
	switch mode := model.ForwardingMode(value); {
	case mode == model.ForwardingSidecar && !ridingName.MatchString(options.Header):
		return fmt.Errorf("the override header %q can't be a member of tracestate: its name needs letters, digits and \"-\", at most 32 characters, beginning with a letter", options.Header)
	case mode == model.ForwardingProgram, mode == model.ForwardingSidecar:
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
