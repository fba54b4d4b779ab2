// Package valid says why Istio would refuse a VirtualService or a DestinationRule.
//
// A specification goes in, as a message of istio.io/api; [Problem]s come out, none
// where Istio accepts it. The rules are those of the validation that Istio's
// webhook runs (istio.io/istio/pkg/config/validation and its package agent), and
// those of the schemas of Istio's CustomResourceDefinitions that the webhook has
// not. Each function names the one of Istio that it follows. Warnings of Istio's
// keep nothing out of a cluster and are no Problems.
//
//	problem.go          reasons, and where they are
//	virtualservice.go   hosts, gateways, exportTo
//	route.go            an HTTP route, and what of it excludes what
//	match.go            what a route matches
//	action.go           what it does: retries, mirrors, redirects, CORS, …
//	fault.go            … and faults
//	header.go           names and values of headers
//	l4.go               TLS and TCP routes
//	destinationrule.go  hosts, subsets
//	policy.go           traffic policies: pools, outliers, TLS
//	loadbalancer.go     … and load balancing
//	name.go             domains, labels
//	value.go            percentages, durations, enumerations
//	pattern.go          regular expressions
//	metadata.go         names and labels of objects, as the API server checks them
//
// docs/design/0004-validation.md says why the program does not link Istio's own;
// a test of the module test/istio holds both against each other. It must never
// change what it is given, and need nothing but that.
package valid
