// Package compile turns a [model.Snapshot] into route tables and subsets: the generator, the
// operator, explain and the tests all call it.
//
// [Compile] is a list of small steps, one file for each idea. A step gets what it reads and
// returns what it makes; all steps may ask the index and report diagnostics.
//
//	compile.go     Compile: the steps in their order
//	index.go       the mesh as given, which all steps read
//	invalid.go     what Istio would refuse of it
//	reporter.go    the diagnostics that steps report
//	text.go        lists in texts, and other small helpers
//
// For each Service:
//
//	service.go     the steps for one Service in their order, and what they make
//	services.go    all Services, for steps that look at several
//	settings.go    what annotations and OverridePolicies say of each Service
//	isolated.go    versions behind a Service of their own
//	consent.go     … in namespaces that the other Service permits
//	beside.go      what other Services say of the pods of a headless one
//	skip.go        the reasons to leave a Service alone, in one list
//	skipreason.go  when those apply that are not about routes
//	nothing.go     selectors that select nothing
//	released.go    which pods are released
//	remembered.go  that they stay released, and which pods stand in for them
//	overlap.go     isolated versions whose pods or names are those of released ones
//	advice.go      how to say which pods are released, if nothing does
//	unread.go      pods of a kind of workload that is not read
//	version.go     which versions there are, and which can serve
//	expiry.go      which versions have expired
//	shared.go      versions that several workloads run
//	otherlabel.go  other labels that may say the version
//	clash.go       why no pin is possible
//	pin.go         what tells the released pods from the others
//	weight.go      how a pin divides the weights of a user's destinations
//	name.go        names of subsets and objects
//	subset.go      the subsets of a Service, and the DestinationRule that has them
//	userrule.go    the user's DestinationRules beside it
//
// For each table:
//
//	draft.go       which tables there are, and which namespaces see them
//	otherhost.go   tables for hosts that are no Services, whose routes lead to one
//	gateway.go     companions: tables for the hosts of gateways
//	httproute.go   tables for Kubernetes Gateways, beside the HTTPRoutes of users
//	rank.go        … their rows, in the order in which gateways try them
//	pack.go        … divided between HTTPRoutes
//	inforce.go     whose routes are in force for which callers
//	adopt.go       the user's VirtualServices as lists of routes
//	scope.go       which namespaces see a table
//	table.go       the rows of a table in their order
//	delegate.go    rows that delegate to the user's VirtualServices
//	steered.go     what Flagger and Argo Rollouts change
//	destination.go where routes lead
//	row.go         the rows
//	setrow.go      those of sets of versions
//	claim.go       those for requests with an override that no claim of the user permits
//	access.go      which callers follow overrides of Services that ask for tokens
//	forwarding.go  where sidecars can't carry overrides through programs
//	grant.go       those for requests with the token of a grant that is not live
//	rowname.go     their names
//
// What is passed on to others:
//
//	rejected.go    objects that package prove rejects
//	door.go        the ways to the pods of a Service, for people
//	uninjected.go  namespaces whose callers follow no overrides
//	report.go      what was found about a Service, for people
//
// It never writes what Istio would reject or what would dangle: a Service for
// which that can't be avoided gets a diagnostic instead. Output is sorted and
// depends on nothing but the snapshot, which is not changed.
package compile
