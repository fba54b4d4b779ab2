// Package event decides which Events are said of Services: when something begins to be
// so, when it is so in another way, and when it is over.
//
// In: what one look at the cluster found, what was planned, and what was said before, as
// values, with the time. Out: the Events to say now, and what to remember. It must never
// read a clock, or write anything.
//
//	what                          Event                        when
//	----------------------------  ---------------------------  -------------------------
//	a version's route is in place VersionOverridable           once all proxies have it
//	… and is no more              VersionNotOverridable, with  unless the version gets
//	                              the true reason              all requests anyway
//	a warning begins, or says     its code, as a Warning       at once; one that comes
//	something else                                             and goes, ever more rarely
//	a warning that was said ends  Resolved                     at once
//	a refusal lasts               its code, as a Warning       every RepeatAfter
//	a namespace is not managed    NamespaceNotManaged,         while something of ours
//	any more                      as a Warning                 is in it
package event
