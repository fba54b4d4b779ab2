// Package compile turns a [model.Snapshot] into route tables and subsets: it
// is what the generator, the operator, explain and the tests all call.
//
// [Compile] is a list of small steps over the Services of the snapshot, one
// file for each idea:
//
//	compile.go    Compile: the steps in their order
//	settings.go   what annotations and OverridePolicies say of each Service
//	leftalone.go  which Services there is nothing to be done for, and why
//	unread.go     … since a kind of workload behind them is not read
//	released.go   which pods are released
//	advice.go     … and how to say it, where nothing does
//	remembered.go … and that they stay so, and what stands in for them
//	version.go    which versions there are, and which can serve
//	shared.go     … and which several workloads run
//	otherlabel.go … and where else their pods may say it
//	nothing.go    selectors that select nothing
//	isolated.go   versions behind a Service of their own
//	pin.go        what tells the released pods from the others
//	weight.go     how a pin divides the weights of a user's destinations
//	name.go       names of subsets
//	rule.go       the user's DestinationRules, and the subsets beside them
//	scope.go      which namespaces see what is made
//	inforce.go    whose routes are in force for which callers
//	adopt.go      the user's VirtualServices as lists of routes
//	invalid.go    … but for those that Istio would refuse
//	delegate.go   … or as delegations to theirs
//	steered.go    what Flagger and Argo Rollouts have a hand in
//	table.go      the route table of a host
//	otherhost.go  … of a host that is no Service, whose routes lead to one
//	target.go     where its routes lead
//	row.go        its rows
//	rowname.go    … and their names
//	rejected.go   what must not be made, as package prove found
//	door.go       the ways to the pods of a Service, for people
//	report.go     what was found about a Service, for people
//
// It never writes what Istio would reject or what would dangle: a Service for
// which that can't be avoided gets a diagnostic instead. Output is sorted and
// depends on nothing but the snapshot, which is not changed.
package compile
