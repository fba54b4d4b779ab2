package compile

import (
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// reportForwarding reports where no sidecar carries overrides through programs although a policy
// asks for it.
func reportForwarding(ix *index, s *service, r *reporter) {
	switch {
	case s.settings.Forwarding != model.ForwardingSidecar:
		return
	case s.Namespace == ix.options.RootNamespace:
		r.report(s.Service, diag.ForwardingNoFilter, "namespace %s is Istio's root namespace, where a filter would be for the whole mesh: its sidecars carry no overrides through programs", s.Namespace)
		return
	case !ix.hasFilter(model.ForwardingFilter(s.Namespace)):
		r.report(s.Service, diag.ForwardingFilterAwaited, "the sidecars of namespace %s don't have the filter yet that carries overrides through programs", s.Namespace)
	}
	if bare := ix.withoutSidecar(s.Namespace); len(bare) > 0 {
		r.report(s.Service, diag.ForwardingNoSidecar, "pods of %s in namespace %s have no sidecar that could carry overrides through their programs: these must pass them on themselves", enumerate(bare), s.Namespace)
	}
}

// withoutSidecar lists the callers of a namespace that have no sidecar.
func (ix *index) withoutSidecar(namespace string) []string {
	var out []string
	for _, c := range ix.callersIn(namespace) {
		if c.NoSidecar {
			out = append(out, c.Name)
		}
	}
	return out
}
