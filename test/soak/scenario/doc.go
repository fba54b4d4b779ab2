// Package scenario plays users' actions on a Service with previews, on a local mesh with
// the real operator, while pods of two namespaces send requests, which are judged by the
// version that served them.
//
// A scenario is a script of testdata. Overrides manages the Service shop, and leaves the
// Service control, with the same pods, alone: Overrides is not the cause of its failures.
// The commands are
//
//	service [KEY=VALUE…]         the Service shop with annotations, control, and their callers
//	deploy NAME VERSION [WORD…]  a Deployment behind them: startup=5s, replicas=2, label KEY=VALUE,
//	                             loose (its selector is that of the Service), dead (never ready)
//	relabel NAME VERSION         changes the version in its template
//	undeploy NAME                deletes it
//	annotate KEY=[VALUE]         an annotation of shop; without a value it is removed
//	apply FILE, remove FILE      manifests, in which NAMESPACE and CALLERS are replaced
//	hide FILE                    applies rules that hide the operator's subsets from some
//	                             callers, which may get failures for a second
//	ready                        waits until all Deployments are ready
//	sleep DURATION
//	load                         starts the load
//	override VERSION             adds requests for it
//	served PLACE VERSION…        ends the load: the versions that may have served ordinary requests
//	                             of callers at home, or elsewhere; "as control" means those that
//	                             served control's
//
//	older FILE                   applies objects that an older operator wrote
//	operator start WHICH         the operator, present or older (OVERRIDES_OLDER is its path); stop
//
// Scripts of testdata share one operator, those of testdata/upgrade have their own. They
// run with the default operator, with the readiness gate, and with an operator that asks
// istiod: in the latter two modes only some, unless OVERRIDES_SCENARIOS is set.
// An override may be served by its version, or by the versions that may serve ordinary
// requests; it must never fail when control does not.
package scenario
