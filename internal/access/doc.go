// Package access makes the filters with which sidecars take overrides from tokens alone, for
// OverridePolicies whose access is in mode Token.
//
// In each namespace with such a policy, one EnvoyFilter changes the calls that its pods make and
// those that they receive:
//
//	before a sidecar routes a request   it removes the override header and overrides in baggage
//	then                                it makes the header of the claim of a valid token
//
// A token that is not valid makes no header, and refuses nothing. The rows of package compile ask
// for the namespace of the caller, so that they are followed only where this filter is. A caller
// of another namespace chooses nothing here, and its header never reaches a program.
//
//	access.go  the filters of namespaces
//	older.go   … in proxies that can't check tokens
//	order.go   when proxies have them, and when they may go
//
// In: a snapshot. Out: objects, and what the filter does to a request. It must never read a
// cluster or a clock.
package access
