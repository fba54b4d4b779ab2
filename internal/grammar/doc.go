// Package grammar is the language in which a request asks for versions: the
// x-override header and its second carrier, W3C Baggage.
//
//	x-override: service-3:v2, payments.billing:pr-118;strict, cache:v2;from=service-3
//	baggage: override.service-3=v2
//
// It says the same thing three times, and tests hold the three together:
//
//	parser     Parse, ParseBaggage      what a carrier's value means
//	formatter  Format, FormatBaggage    how to write one
//	patterns   Service.Pattern, …       what proxies match with RE2
//
// [Follows], [FollowsBaggage] and [StrictDue] are the meaning of the patterns,
// told by the parser: a route whose pattern is Service.Pattern takes exactly
// the requests for which Follows is true.
//
// Strings go in; members, patterns and located errors come out. Malformed
// members are reported and never followed, whatever stands beside them.
// Nothing here panics on any input, keeps state, or knows Kubernetes, Istio or
// HTTP libraries. docs/grammar.md is the same for people who write the header.
package grammar
