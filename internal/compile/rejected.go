package compile

import "github.com/overrides-mesh/overrides/internal/diag"

// Rejected lists objects that must not be made, or not as they were: because they would change
// ordinary traffic, which is the outcome of a proof, or because of their size. The zero Rejected
// rejects nothing.
type Rejected struct {
	// Namespaces are those of callers that must not see a VirtualService, each with the
	// change that they would notice.
	Namespaces map[diag.Object]map[string]string
	// Objects must not be made at all, for the reason given.
	Objects map[diag.Object]string
	// TooLarge are VirtualServices that the API server would not accept with their overrides.
	// They follow none, so that ordinary requests stay pinned.
	TooLarge map[diag.Object]bool
}

func (r *Rejected) namespaces(object diag.Object) map[string]string { return r.Namespaces[object] }
