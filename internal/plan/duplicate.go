package plan

import (
	"github.com/overrides-mesh/overrides/internal/diag"
)

// findDuplicates finds the names that two desired objects share. Each write of one would
// undo the other's forever, so a plan writes neither and leaves the stored object alone.
func (p *planner) findDuplicates() {
	seen := make(map[diag.Object]bool, len(p.Result.Tables)+len(p.Result.SubsetRules))
	add := func(name diag.Object) {
		if seen[name] && !p.duplicates[name] {
			if p.duplicates == nil {
				p.duplicates = map[diag.Object]bool{}
			}
			p.duplicates[name] = true
			p.diagnose(diag.ObjectInvalid, name, "two objects would have this name")
		}
		seen[name] = true
	}
	for i := range p.Result.SubsetRules {
		add(p.Backend.RuleObject(&p.Result.SubsetRules[i]))
	}
	for i := range p.Result.Tables {
		add(p.Backend.TableObject(&p.Result.Tables[i]))
	}
}
