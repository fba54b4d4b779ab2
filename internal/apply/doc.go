// Package apply writes the steps of a plan to a cluster.
//
// The input is one step at a time, with its object as last observed. The output is the
// object as the API server stored it, or the reason why it did not: a [Refusal] has the
// message of the API server or of a webhook, or names the owner of a field; [ErrStale]
// means that the object must be read again.
//
// Writing is server-side apply under one field manager, [Manager]. It must never force a
// conflict unless [Client.TakeOver] is set, and never write to or delete an object that
// has changed since it was last observed: an object that somebody else has made or taken
// over in the meantime belongs to them.
//
//	step     in the cluster             result
//	-------  -------------------------  -------------------------------------
//	create   nothing                    created
//	create   an object                  ErrStale: find out whose it is
//	update   the observed object        applied, unless others own a field
//	update   anything else, or nothing  ErrStale
//	delete   the observed object        deleted, unless somebody else has applied it
//	delete   nothing                    done
//	delete   anything else              ErrStale
package apply
