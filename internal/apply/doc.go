// Package apply writes the steps of a plan to a cluster.
//
// In: one step at a time, with what was last seen of its object. Out: the object
// as the API server stored it, or why it would not: a [Refusal] has the words of
// the API server, of a webhook, or the name of who owns a field; [ErrStale] asks
// to look again.
//
// Writing is server-side apply under one field manager, [Manager]. It must never
// force a conflict unless [Client.TakeOver] is set, and never write to or delete an
// object that is not as it was when it was last seen: what somebody else has made or
// taken over in the meantime is theirs.
//
//	step     what is there              what happens
//	-------  -------------------------  -------------------------------------
//	create   nothing                    created
//	create   an object                  ErrStale: look whose it is
//	update   what was seen              applied, unless others own a field
//	update   anything else, or nothing  ErrStale
//	delete   what was seen              deleted, unless somebody else has applied it
//	delete   nothing                    done
//	delete   anything else              ErrStale
package apply
