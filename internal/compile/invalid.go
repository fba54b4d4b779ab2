package compile

import (
	"fmt"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/valid"
)

// verdicts remembers why Istio would refuse objects of the user's. Where its webhook
// runs there are none in a cluster; in manifests, and where it does not, there are.
// What is taken over from such an object would be refused too, or, worse, not be.
type verdicts struct {
	checker valid.Checker
	of      map[diag.Object]string
}

func (r *verdicts) remember(object diag.Object, check func() []valid.Problem) string {
	if why, known := r.of[object]; known {
		return why
	}
	why := ""
	if problems := check(); len(problems) > 0 {
		why = problems[0].String()
		if len(problems) > 1 {
			why += fmt.Sprintf(" (and %d more)", len(problems)-1)
		}
	}
	if r.of == nil {
		r.of = map[diag.Object]string{}
	}
	r.of[object] = why
	return why
}

// refusal returns why Istio would refuse v, or "".
func (c *compiler) refusal(v *model.VirtualService) string {
	return c.verdicts.remember(v.Object(), func() []valid.Problem { return c.verdicts.checker.VirtualService(v.Spec, v.Namespace) })
}

// refusedRule finds a rule that Istio would refuse, and leaves s alone for it: with
// subsets of it Istio would merge ours in a mesh whose webhook is off.
func (c *compiler) refusedRule(s *service, rules []*mesh.Rule) bool {
	for _, r := range rules {
		d := r.User
		why := c.verdicts.remember(d.Object(), func() []valid.Problem { return c.verdicts.checker.DestinationRule(d.Spec, d.Namespace) })
		if why != "" && len(d.Unknown) == 0 {
			c.leave(s, diag.DestinationRuleInvalid, "Istio refuses %s: %s", d.Object(), why)
			return true
		}
	}
	return false
}

// refusedCopy returns why Istio would refuse what d says in the namespace of s, or
// "": a ConfigMap with certificates has to be of the rule's own namespace.
func (c *compiler) refusedCopy(s *service, d *model.DestinationRule) string {
	if problems := c.verdicts.checker.DestinationRule(d.Spec, s.Namespace); len(problems) > 0 {
		return problems[0].String()
	}
	return ""
}
