package plan

import (
	"github.com/overrides-mesh/overrides/internal/diag"
)

// findTwice finds the names under which two objects are wanted. Each would undo the
// other's writes for ever, so that neither is written, and what is in place stays.
func (p *planner) findDuplicates() {
	seen := make(map[diag.Object]bool, len(p.Result.Tables)+len(p.Result.SubsetRules))
	note := func(name diag.Object) {
		if seen[name] && !p.duplicates[name] {
			if p.duplicates == nil {
				p.duplicates = map[diag.Object]bool{}
			}
			p.duplicates[name] = true
			p.out.Diagnostics = append(p.out.Diagnostics, diag.New(diag.ObjectInvalid, name, "two objects would have this name"))
		}
		seen[name] = true
	}
	for i := range p.Result.SubsetRules {
		note(p.Backend.RuleObject(&p.Result.SubsetRules[i]))
	}
	for i := range p.Result.Tables {
		note(p.Backend.TableObject(&p.Result.Tables[i]))
	}
}
