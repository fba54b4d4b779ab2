package judge

import "fmt"

// Class is what is asked of a request, decided when it has ended.
//
//	class       carries                          may be served by        may fail
//	ordinary    no override                      released                never
//	absent      one for a version that nobody    released                never
//	            has ever deployed
//	announced   one, sent while its version was  the version; once it    never
//	            announced, and answered before   has ceased, released
//	            that had ended for 100 ms
//	blind       the same, sent while istiod was  the version, released   see below
//	            away, or behind, or proxies may
//	            not have had what was written
//	            meanwhile
//	leaving     one, under way later than that   the version, released   see below
//	            after the soak asked for the
//	            version's end
//	unready     one, under way later than that   the version, released   see below
//	            after the version's readiness
//	            was taken away
//	crashed     one that was under way when the  the version, released   yes
//	            version's program was killed, or
//	            sent after it
//	robbed      any, under way while a user had  anybody                 yes
//	            deleted an object of ours
//
// What proxies have can't be known while istiod is away, or does not hear of what happens
// after its API server was: the operator announces what it has written after its wait, and
// pods that come and go are not known to proxies.
//
// A version that leaves or loses its readiness has no endpoint any more, and no
// route: both go to each proxy in one push of istiod's, clusters' endpoints first
// and routes a moment later. What is sent in this moment is answered 503 (no
// healthy upstream). A crashed program answers nobody until its pod is seen to be
// unready. These classes are therefore counted and printed, and must not have a
// request that a third version served; see docs/soak.md for what was measured.
type Class string

// The classes; those of overrides have the cause of an end for a name.
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

// Classes lists all, in the order in which they are printed.
func Classes() []Class {
	return []Class{Ordinary, Absent, Announced, Blind, Leaving, Unready, Crashed, Robbed}
}

// Strict reports whether no request of a class may fail.
func (c Class) Strict() bool { return c == Ordinary || c == Absent || c == Announced || c == Blind }

// Count is what became of the requests of a class.
type Count struct {
	// Sent is all of them, Failed those that were not answered with success, and
	// Misrouted those that were served by a version which must not have them.
	Sent, Failed, Misrouted int
}

// OK reports whether the count is as it has to be.
func (c Count) OK(of Class) bool {
	return of == Robbed || c.Misrouted == 0 && (c.Failed == 0 || !of.Strict())
}

// String returns "SENT/FAILED/MISROUTED".
func (c Count) String() string { return fmt.Sprintf("%d/%d/%d", c.Sent, c.Failed, c.Misrouted) }

// Add adds another count.
func (c Count) Add(o Count) Count {
	return Count{c.Sent + o.Sent, c.Failed + o.Failed, c.Misrouted + o.Misrouted}
}
