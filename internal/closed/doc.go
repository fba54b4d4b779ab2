// Package closed makes the AuthorizationPolicies that close previews: the pods of a version that
// is not released are open to the callers of the released version, and to no others.
//
// [Needs] says which versions of closed Services have to be closed, and at which pods. [Make]
// returns for each a policy with the action ALLOW and one with DENY, from the policies that are
// in force:
//
//	in force at the released pods, and not at the preview's    the preview's pods get
//	---------------------------------------------------------  --------------------------------
//	ALLOW                                                      its rules
//	DENY                                                       its rules
//	CUSTOM, or rules about ports or addresses that differ      DENY for everybody, and a warning
//	AUDIT, dry runs, policies for gateways and waypoints       nothing: they refuse nobody
//
// If no policy with ALLOW is in force at the released pods, every caller with an identity of the
// mesh is admitted. Callers without one, such as those without a sidecar, are refused at the
// ports of the preview's Service in any case.
//
// Policies that are in force at the released pods and at the preview's are not copied. The new
// ones never select a released pod, and so don't touch ordinary traffic: where they would, or
// where ordinary requests reach the preview, it can't be closed, and no route leads to it.
//
//	need.go  which versions, and at which pods
//	make.go  the policies
//	copy.go  rules of users' policies, as they read at the preview
//	text.go  who is admitted, for people
package closed
