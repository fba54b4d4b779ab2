// Package valid finds the reasons why Istio would refuse a VirtualService or a
// DestinationRule.
//
// The input is a specification, as a message of istio.io/api; the output is [Problem]s,
// none if Istio accepts it. The rules are those of the validation in Istio's webhook
// (istio.io/istio/pkg/config/validation and its package agent), and those of the schemas
// of Istio's CustomResourceDefinitions that the webhook does not check. Each function
// names the function of Istio that it follows. Istio's warnings keep nothing out of a
// cluster and are not Problems.
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
// docs/design/0004-validation.md says why the program does not link Istio's own; the
// module test/istio compares both. The package must never change its input, and needs
// nothing else.
package valid
