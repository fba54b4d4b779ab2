package compile

import "github.com/overrides-mesh/overrides/internal/diag"

// Rejected lists objects that must not be made because they would change ordinary
// traffic: the outcome of a proof. The zero Rejected rejects nothing.
type Rejected struct {
	// Namespaces are those of callers that must not see a VirtualService, each with the
	// change that they would notice.
	Namespaces map[diag.Object]map[string]string
	// Objects must not be made at all, for the reason given.
	Objects map[diag.Object]string
}

func (r *Rejected) namespaces(object diag.Object) map[string]string { return r.Namespaces[object] }
