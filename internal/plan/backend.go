package plan

import (
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Backend turns each table and each subset rule into one object. A plan decides which
// objects may be written; it knows nothing about their kinds.
type Backend interface {
	// TableObject and RuleObject return the name of the object for a table or a rule.
	TableObject(t *route.Table) diag.Object
	RuleObject(r *route.SubsetRule) diag.Object
	// EncodeTable and EncodeRule encode these objects. Equal input gives equal bytes. Where
	// the API server would reject the object, they return no bytes but diagnostics. An error
	// is a bug.
	EncodeTable(t *route.Table) ([]byte, []diag.Diagnostic, error)
	EncodeRule(r *route.SubsetRule) ([]byte, []diag.Diagnostic, error)
	// WithoutRows removes the override rows that keep rejects from a stored object that was
	// made from a table. It also sets the object's exportTo, unless exportTo is nil. It returns
	// nothing if there must be no such object without these rows.
	WithoutRows(of encoded.Object, keep func(row string) bool, exportTo []string) ([]byte, error)
	// WithoutGrants returns a stored object that was made from a table without grants that are not
	// live, so that their tokens are no longer followed. live is sorted.
	WithoutGrants(object []byte, live []string) []byte
	// WithoutSubsets removes the subsets that keep rejects from a stored object that was made
	// from a rule.
	WithoutSubsets(of encoded.Object, keep func(subset string) bool) ([]byte, error)
	// UsersSubsets lists the subsets that users' objects provide, with fully qualified hosts.
	UsersSubsets(s *model.Snapshot) []route.PlacedSubsets
}
