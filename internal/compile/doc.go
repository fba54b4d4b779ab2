// Package compile turns a [model.Snapshot] into route tables and subsets: it
// is what the generator, the operator, explain and the tests all call.
//
// [Compile] is a list of small steps over the Services of the snapshot, one
// file for each idea:
//
//	settings.go   what annotations and OverridePolicies say of each Service
//	leftalone.go  which Services there is nothing to be done for, and why
//	released.go   which pods are released
//	remembered.go … and that they stay so, and what stands in for them
//	version.go    which versions there are, and which can serve
//	isolated.go   versions behind a Service of their own
//	pin.go        what tells the released pods from the others
//	rule.go       the user's DestinationRules, and the subsets beside them
//	scope.go      which namespaces see what is made
//	adopt.go      the user's VirtualServices as lists of routes
//	invalid.go    … but for those that Istio would refuse
//	delegate.go   … or as delegations to theirs
//	steered.go    what Flagger and Argo Rollouts have a hand in
//	table.go      the route table of a host
//	row.go        … and its rows
//
// It never writes what Istio would reject or what would dangle: a Service for
// which that can't be avoided gets a diagnostic instead. Output is sorted and
// depends on nothing but the snapshot, which is not changed.
package compile
