// Package trail says which way requests with overrides took, from what proxies report of them.
//
// Each proxy that such a request passes sends a [Record]: who called whom, by which row, who
// served. [Join] makes a [Trail] of the records of one request: a tree of hops.
//
//	record.go    what one proxy says of one request
//	mark.go      how a request is marked, so that its records are found
//	filter.go    the EnvoyFilter that makes proxies report
//	read.go      an entry of Envoy's access log service → a record
//	query.go     which records are asked for
//	window.go    the latest records, within bytes and age
//	trail.go     trails and their calls
//	join.go      records → trails: both ends of calls, and retries
//	nest.go      which call led to which
//	name.go      names of what calls and is called, and of rows
//	judge.go     a trail → which members were honoured, and why others were not
//	absent.go    why nothing called a Service
//	response.go  what a response alone says
//	forward.go   which services pass overrides on
//	run.go       what a test run was served by
//	runwrite.go  … as Markdown, JUnit and an in-toto statement
//	draw.go      a trail as text, JSON, Mermaid or in Graphviz's language
//	why.go       why a proxy took a row, by a snapshot of the cluster
//
// In: records in any order, some of them late, repeated or missing. Out: values, sorted. It must
// never read a cluster, a clock or the network, and must never keep headers that are not
// overrides or IDs of requests.
package trail
