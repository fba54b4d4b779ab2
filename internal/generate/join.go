package generate

import (
	"cmp"
	"slices"

	"github.com/overrides-mesh/overrides/internal/closed"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
)

// Pack drops what an output was made from, which takes ten times as much memory as the objects:
// its tables, its rules, and all but the names and states of its Services.
func (o *Output) Pack(packer *istio.Packer) error {
	for i := range o.Objects {
		if err := packer.Pack(&o.Objects[i]); err != nil {
			return err
		}
	}
	services := make([]compile.Service, len(o.Services))
	for i := range o.Services {
		s := &o.Services[i]
		services[i] = compile.Service{Namespace: s.Namespace, Name: s.Name, State: s.State, Origin: s.Origin, Host: s.Host}
	}
	o.Result = compile.Result{Services: services, Diagnostics: o.Diagnostics}
	return nil
}

// Join returns the output for a snapshot from the outputs for its parts, which have no objects,
// Services or policies in common: the only rule about several parts is that of ambiguous names
// of Services. The report of the proof is left out if there are several.
func Join(parts []Output) Output {
	if len(parts) == 1 {
		return parts[0]
	}
	var out Output
	for i := range parts {
		p := &parts[i]
		out.Tables, out.SubsetRules = append(out.Tables, p.Tables...), append(out.SubsetRules, p.SubsetRules...)
		out.Services, out.Policies = append(out.Services, p.Services...), append(out.Policies, p.Policies...)
		out.Diagnostics = append(out.Diagnostics, p.Diagnostics...)
		out.Objects, out.Closed = append(out.Objects, p.Objects...), append(out.Closed, p.Closed...)
	}
	slices.SortFunc(out.Services, func(a, b compile.Service) int { return a.Object().Compare(b.Object()) })
	slices.SortFunc(out.Objects, func(a, b istio.Unencoded) int { return a.Compare(b.Object) })
	slices.SortFunc(out.Closed, func(a, b closed.Version) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	out.Diagnostics = slices.DeleteFunc(out.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == diag.AmbiguousServiceName })
	out.Diagnostics = diag.Sort(append(out.Diagnostics, compile.AmbiguousNames(out.Services)...))
	return out
}
