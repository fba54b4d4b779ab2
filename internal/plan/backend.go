package plan

import (
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Backend makes objects of tables and subset rules: one object of each. A plan decides
// which of them may be written; it knows nothing of what they are.
type Backend interface {
	// TableObject and RuleObject name the objects that a table and a rule become.
	TableObject(t *route.Table) diag.Object
	RuleObject(r *route.SubsetRule) diag.Object
	// EncodeTable and EncodeRule make them: equal input gives equal bytes. They give none,
	// with diagnostics, where the API server would refuse the object. An error is a bug.
	EncodeTable(t *route.Table) ([]byte, []diag.Diagnostic, error)
	EncodeRule(r *route.SubsetRule) ([]byte, []diag.Diagnostic, error)
	// WithoutRows takes rows for overrides out of an object in place that was made from a
	// table, but for those that are kept; and has it exported to others, unless exportTo
	// is nil.
	WithoutRows(of encoded.Object, keep func(row string) bool, exportTo []string) ([]byte, error)
	// WithoutSubsets takes subsets out of an object in place that was made from a rule, but
	// for those that are kept.
	WithoutSubsets(of encoded.Object, keep func(subset string) bool) ([]byte, error)
	// UsersSubsets lists the subsets that objects of users provide, with fully qualified hosts.
	UsersSubsets(s *model.Snapshot) []route.PlacedSubsets
}
