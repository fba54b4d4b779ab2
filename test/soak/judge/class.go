package judge

import "fmt"

// Class is the class of a request, decided when it has ended.
//
//	class       carries                          may be served by        may fail
//	ordinary    no override                      released                never
//	absent      one for a version that was       released                never
//	            never deployed
//	announced   one, sent while its version was  the version; once it    never
//	            announced, and answered before   has ended, released
//	            that had ended for 100 ms
//	blind       the same, sent while istiod was  the version, released   see below
//	            away, or behind, or proxies may
//	            have lacked objects written
//	            meanwhile
//	leaving     one, in flight later than that   the version, released   see below
//	            after the soak ended the version
//	unready     one, in flight later than that   the version, released   see below
//	            after the version was made
//	            unready
//	crashed     one that was in flight when the  the version, released   yes
//	            version's program was killed, or
//	            sent after it
//	robbed      any, in flight while a user had  any                     yes
//	            deleted an operator's object
//
// While istiod is away, or misses changes after its API server was away, nobody knows
// what proxies have: the operator announces objects that it has written after its
// propagation delay, and proxies do not know new and deleted pods.
//
// A version that is deleted or becomes unready loses its endpoints and its route: each
// proxy gets both in one push of istiod's, clusters' endpoints first and routes a moment
// later. Requests in this moment are answered with 503 (no healthy upstream). A crashed
// program answers no requests until its pod is known to be unready. These classes are
// therefore counted and printed, and must not have a request that a third version
// served; see docs/soak.md for measurements.
type Class string

// The classes; those of overrides are named for the cause of an end.
const (
	Ordinary  Class = "ordinary"
	Absent    Class = "absent"
	Announced Class = "announced"
	Blind     Class = "blind"
	Leaving   Class = "leaving"
	Unready   Class = "unready"
	Crashed   Class = "crashed"
	Robbed    Class = "robbed"
)

// Classes lists all classes, in the order in which they are printed.
func Classes() []Class {
	return []Class{Ordinary, Absent, Announced, Blind, Leaving, Unready, Crashed, Robbed}
}

// Strict reports whether no request of a class may fail.
func (c Class) Strict() bool { return c == Ordinary || c == Absent || c == Announced || c == Blind }

// Count has the results of the requests of a class.
type Count struct {
	// Sent counts all of them, Failed those without a successful answer, and Misrouted
	// those served by a forbidden version.
	Sent, Failed, Misrouted int
}

// OK reports whether the count meets the rules.
func (c Count) OK(of Class) bool {
	return of == Robbed || c.Misrouted == 0 && (c.Failed == 0 || !of.Strict())
}

// String returns "SENT/FAILED/MISROUTED".
func (c Count) String() string { return fmt.Sprintf("%d/%d/%d", c.Sent, c.Failed, c.Misrouted) }

// Add adds another count.
func (c Count) Add(o Count) Count {
	return Count{c.Sent + o.Sent, c.Failed + o.Failed, c.Misrouted + o.Misrouted}
}
