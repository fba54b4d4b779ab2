package compile

import (
	"fmt"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/valid"
)

// verdicts remembers why Istio would refuse objects of users. Manifests may have such
// objects, and clusters in which Istio's webhook does not run. Istio would refuse copies of
// their content too, or, worse, accept them.
type verdicts struct {
	checker valid.Checker
	of      map[diag.Object]string
}

func (v *verdicts) remember(object diag.Object, check func() []valid.Problem) string {
	if why, known := v.of[object]; known {
		return why
	}
	why := ""
	if problems := check(); len(problems) > 0 {
		why = problems[0].String()
		if len(problems) > 1 {
			why += fmt.Sprintf(" (and %d more)", len(problems)-1)
		}
	}
	if v.of == nil {
		v.of = map[diag.Object]string{}
	}
	v.of[object] = why
	return why
}

// invalidVirtualService returns why Istio would refuse v, or "".
func (ix *index) invalidVirtualService(v *model.VirtualService) string {
	return ix.verdicts.remember(v.Object(), func() []valid.Problem { return ix.verdicts.checker.VirtualService(v.Spec, v.Namespace) })
}

// invalidRule returns why Istio would refuse d, or "".
func (ix *index) invalidRule(d *model.DestinationRule) string {
	return ix.verdicts.remember(d.Object(), func() []valid.Problem { return ix.verdicts.checker.DestinationRule(d.Spec, d.Namespace) })
}

// invalidCopy returns why Istio would refuse a copy of d in another namespace, or "": a
// ConfigMap with certificates has to be in the rule's own namespace.
func (ix *index) invalidCopy(d *model.DestinationRule, namespace string) string {
	if problems := ix.verdicts.checker.DestinationRule(d.Spec, namespace); len(problems) > 0 {
		return problems[0].String()
	}
	return ""
}
