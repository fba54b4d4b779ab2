// Package grant decides about OverrideGrants: which of them are accepted, what their tokens say,
// and when these are renewed; and about the keys that sign them.
//
//	decide.go   grants and policies → a Decision for each grant
//	read.go     what a grant asks for, and whether that can be meant
//	permit.go   policies, and why they refuse a grant
//	status.go   the status of a grant
//	ring.go     signing keys: which one signs, which are published, and when they change
//	id.go       the names that follow from a grant
//
// In: grants, policies, labels of namespaces, keys and the time. Out: for each grant its status,
// a token to mint or a Secret to delete, what to say about it, and when to decide again. The
// package makes no key and no token, and reads no clock. A decision depends on what is given and
// not on earlier decisions, apart from the status that an earlier one has written.
package grant
