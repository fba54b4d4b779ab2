// Package scenario plays what users do to a Service that has previews, on a local mesh
// with the real operator, while requests are sent from pods of two namespaces and each
// is judged by who served it.
//
// A scenario is a script of testdata. Beside the Service shop there is control, over the
// same pods, which Overrides leaves alone: what fails there too is not ours. The commands
// are
//
//	service [KEY=VALUE…]         the Service shop with annotations, control, and who calls them
//	deploy NAME VERSION [WORD…]  a Deployment behind them: startup=5s, replicas=2, label KEY=VALUE,
//	                             loose (its selector is that of the Service), dead (never ready)
//	relabel NAME VERSION         gives its template another version
//	undeploy NAME                deletes it
//	annotate KEY=[VALUE]         of shop; without a value it goes
//	apply FILE, remove FILE      manifests, in which NAMESPACE and CALLERS are replaced
//	hide FILE                    applies rules that hide our subsets from some callers, who may
//	                             get failures for a second
//	ready                        waits until all Deployments are
//	sleep DURATION
//	load                         begins to send
//	override VERSION             sends requests for it too
//	served PLACE VERSION…        ends the load: by which versions ordinary requests of callers at
//	                             home, or elsewhere, may have been served; "as control" for those
//	                             that control had
//
//	older FILE                   applies what an older operator wrote
//	operator start WHICH         the operator, present or older (OVERRIDES_OLDER names that); stop
//
// Scripts of testdata share one operator, those of testdata/upgrade have their own. They
// are played with the operator by its defaults, with the readiness gate, and with istiod
// asked what proxies have: with the latter two only some, unless OVERRIDES_SCENARIOS is
// set.
// An override may be served by its version, or by what ordinary requests may be served
// by; it must never fail beyond control.
package scenario
