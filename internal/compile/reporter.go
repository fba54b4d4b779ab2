package compile

import (
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// reporter collects diagnostics.
type reporter struct{ diags []diag.Diagnostic }

func (r *reporter) add(d diag.Diagnostic) { r.diags = append(r.diags, d) }

// report adds a diagnostic about a Service.
func (r *reporter) report(s *model.Service, code diag.Code, format string, args ...any) {
	r.add(diag.New(code, s.Object(), format, args...).At(s.Origin))
}

// reject adds a diagnostic that says why the routes of v are not taken over.
func (r *reporter) reject(v *model.VirtualService, code diag.Code, format string, args ...any) {
	r.add(diag.New(code, v.Object(), format, args...).At(v.Origin))
}
