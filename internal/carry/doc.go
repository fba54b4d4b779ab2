// Package carry makes the filters with which sidecars carry overrides through programs that pass on
// no override header, for OverridePolicies with forwarding: Sidecar.
//
// In each namespace with such a policy, one EnvoyFilter puts a script in front of the requests that
// pods receive, and another one in front of the calls that they make:
//
//	received   x-request-id: ID                  →  x-request-id: ID~x-override~service-3:v2
//	           traceparent, tracestate: vendor=1 →  tracestate: x-override=service-3:v2,vendor=1
//	made       the same, back, and x-override: service-3:v2
//
// So an override rides in a header that programs pass on anyway. There is no memory, so nothing can
// be mixed up between requests. The first script removes what rides in a request that comes in,
// always: a sidecar believes in what its own program was given only.
//
// Where overrides are taken from tokens alone (package access), the token rides, and overrides
// don't: the filter of tokens stands behind the script and checks what it has brought back.
//
// It is an EnvoyFilter and not a TrafficExtension of Istio's, which has scripts too: istiod applies
// EnvoyFilters to finished listeners (pilot/pkg/networking/core/listener_builder.go), so the filter of
// tokens would come before what a TrafficExtension brings back. And every version of Istio has it.
//
//	carry.go   the filters of namespaces
//	script.go  what they do to requests
//
// In: a snapshot. Out: objects. It must never read a cluster or a clock.
package carry
