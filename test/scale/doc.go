// Package scale measures the operator where there is a lot to do: many Services
// with two versions each, and ten changes a second.
//
//	cluster.go   the project's control plane; kwok plays nodes and pods
//	fleet.go     Services, and the Deployments behind them
//	change.go    what happens to them: seeded, and random
//	tracker.go   the measurer's own watch: what is wanted, what is there, since when
//	app.go       one Service of it
//	rest.go      when nothing more will happen of itself; what was written since
//	audit.go     the operator's requests, as the API server has noted them
//	operator.go  the operator as a program: start, looks, profiles
//	usage.go     its memory and its time on processors
//	run.go       a whole run
//	sum.go       what was measured, added up: who wrote what needlessly
//	compare.go   is what is there what generate prints?
//	report.go    numbers, as a table and as JSON
//
// In: [Options]. Out: a [Result]. What is wanted of an object at a moment is found
// out by compiling its Service alone, from what the measurer's own watch has seen
// by then; so the time from a change to the write is between two things that one
// observer has seen. Times are numbers to be read: no test depends on them.
package scale
