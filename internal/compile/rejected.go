package compile

import "github.com/overrides-mesh/overrides/internal/diag"

// Rejected is what must not be made, since it would change ordinary traffic: the
// outcome of a proof. The zero Rejected refuses nothing.
type Rejected struct {
	// Namespaces are those of callers that must not see a VirtualService, with what
	// would change for them.
	Namespaces map[diag.Object]map[string]string
	// Objects must not be made at all, with the reason.
	Objects map[diag.Object]string
}

func (r *Rejected) namespaces(object diag.Object) map[string]string { return r.Namespaces[object] }
