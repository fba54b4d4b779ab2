package route

import (
	istioapi "istio.io/api/networking/v1alpha3"
)

// Delegation is a route that delegates to a user's VirtualService, so that changes of
// that object are in force at once. Some consecutive rows share it: they are Istio's
// result of the delegation, one for each route of the delegate. A translation to a format
// without delegation uses the rows.
type Delegation struct {
	// Namespace and Delegate name the VirtualService that it delegates to.
	Namespace, Delegate string
	// Name is the name of the route; Istio joins it with those of the delegate's routes.
	Name string
	// Matches are alternatives; none means any request.
	Matches []Match
	// Base is the user's own route with the delegation. Its other fields are the defaults
	// of the delegate's routes; never changed.
	Base *istioapi.HTTPRoute
	// Rows is the number of rows that share it.
	Rows int
}

// DelegationAt returns the delegation whose rows all begin at the i-th; nil if there is
// none, for example because one of its rows is missing or was changed.
func (t *Table) DelegationAt(i int) *Delegation {
	d := t.Routes[i].Delegated
	if d == nil || len(t.Routes)-i < d.Rows || (i > 0 && t.Routes[i-1].Delegated == d) {
		return nil
	}
	for j := range d.Rows {
		if t.Routes[i+j].Delegated != d {
			return nil
		}
	}
	return d
}
