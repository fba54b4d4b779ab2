package route

import (
	istioapi "istio.io/api/networking/v1alpha3"
)

// Delegation is a route that delegates to a VirtualService of the user's, whose changes
// hold at once then. Some consecutive rows share it: they are what Istio makes of it, one
// for each route of the delegate. A translation to something that can't delegate takes
// the rows.
type Delegation struct {
	// Namespace and Delegate name the VirtualService that it delegates to.
	Namespace, Delegate string
	// Name is that of the route; Istio joins it and those of the delegate's routes.
	Name string
	// Matches are alternatives; none means any request.
	Matches []Match
	// Base is the user's own route that delegates there, whose other fields hold for what
	// the delegate's routes leave open; never changed.
	Base *istioapi.HTTPRoute
	// Rows is how many rows it stands for.
	Rows int
}

// DelegationAt returns the delegation all of whose rows stand from the i-th on; nil where
// there is none, as where a row of it is left out or was changed.
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
