// Package scale measures the operator under much load: many Services with two
// versions each, and ten changes a second.
//
//	cluster.go   the project's control plane; kwok plays nodes and pods
//	fleet.go     Services, and the Deployments behind them
//	change.go    changes to them: seeded, and random
//	tracker.go   the measurer's own watch: the wanted and the observed state, and since when
//	app.go       the state of one Service
//	rest.go      whether nothing more will happen by itself; writes since
//	audit.go     the operator's requests, from the API server's audit log
//	operator.go  the operator as a program: start, looks, profiles
//	usage.go     its memory and processor time
//	run.go       a whole run
//	sum.go       sums of the measurements: which writes were needless
//	compare.go   compares the cluster with the output of generate
//	report.go    numbers, as a table and as JSON
//
// Input: [Options]. Output: a [Result]. The wanted state of an object at a moment is
// determined by compiling its Service alone, from the state of the measurer's own
// watch; so the time from a change to the write is between two events of one observer.
// Times are for reading: no test depends on them.
package scale
