// Code generated from internal/grammar by its tests (-update); DO NOT EDIT.

// Package grammar is the language in which a request asks for versions: the
// x-override header and its second carrier, W3C Baggage.
//
//	x-override: service-3:v2, payments.billing:pr-118;strict, cache:v2;from=service-3
//	baggage: override.service-3=v2
//
// The Service "*" in a member is a set, every Service that has the version:
//
//	x-override: *:pr-118, service-3:v1
//	baggage: override=pr-118
//
// It has the same meaning in three forms, and tests compare them:
//
//	parser     Parse, ParseBaggage      the meaning of a carrier's value
//	formatter  Format, FormatBaggage    how to write one
//	patterns   Service.Pattern, …       what proxies match with RE2
//
// [Follows], [FollowsBaggage] and [StrictDue], and [FollowsSet], [FollowsBaggageSet] and
// [StrictSetDue], are the meaning of the patterns in terms of the parser: a route with the
// pattern Service.Pattern takes exactly the requests for which Follows is true.
//
// The input is strings; the output is members, patterns and located errors. Malformed
// members are reported and never followed, and do not affect other members. The package
// never panics, whatever its input, keeps no state, and does not know Kubernetes, Istio or
// HTTP libraries. docs/grammar.md is the description for people who write the header.
package grammar
