// Package event decides which Events to write on Services: when a state begins, when it
// changes, and when it ends.
//
// Input: a snapshot of the cluster, the plan, the previous Events, and the time, as
// values. Output: the Events to write now, and what to remember. The package never reads
// a clock and writes nothing.
//
//	state                         Event                        when
//	----------------------------  ---------------------------  -------------------------
//	a version's route is in place VersionOverridable           once all proxies have it
//	… and no longer is            VersionNotOverridable, with  unless the version gets
//	                              the true reason              all requests anyway
//	a warning begins, or its      its code, as a Warning       at once; less and less
//	message changes                                            often if it comes and goes
//	a reported warning ends       Resolved                     at once
//	a refusal lasts               its code, as a Warning       every RepeatAfter
//	a namespace is no longer      NamespaceNotManaged,         while it holds objects of
//	managed                       as a Warning                 Overrides
package event
