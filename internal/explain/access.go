package explain

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/access"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/edge"
)

// leave decides what the sidecar of a caller does to the overrides of a request before it routes
// it; nil for nothing.
func (x *index) leave(from *caller, to *target, q *Query) *Arrival {
	if from.noSidecar || to.gateway != nil {
		return nil
	}
	filter := access.FilterOf(x.snapshot, from.namespace)
	if filter == nil {
		return nil
	}
	n := x.snapshot.TokenNamespaceOf(from.namespace)
	out := &Arrival{Policy: n.Policy.Namespace + "/" + n.Policy.Name, kind: n.Policy.Kind}
	in := &edge.Incoming{Method: cmp.Or(q.Method, "GET"), Host: to.host, Path: cmp.Or(q.Path, "/"), Header: q.Header, Time: q.Time}
	out.header, out.Changes = filter.Carried(in)
	out.sayChanges()
	if n.Access.Rule == nil {
		out.say("says nothing that can be used about tokens, so that no override is followed: %s", n.Access.Why)
	}
	out.sayKeys(filter.Request.Tokens)
	return out
}

// noteAccess notes that overrides of a Service are not followed on calls from a namespace whose
// sidecars would follow a bare header, or other tokens.
func (e *evaluation) noteAccess() {
	s := e.target.service
	if s == nil || s.report.Settings.Access == nil || e.target.gateway != nil || len(e.carried.about(s.Name)) == 0 {
		return
	}
	a, n := s.report.Settings.Access, e.snapshot.TokenNamespaceOf(e.caller.namespace)
	name := fmt.Sprintf("Service %s.%s follows overrides of tokens alone (access: Token)", s.Name, s.Namespace)
	switch {
	case n == nil:
		e.notes = append(e.notes, Note{
			Severity: diag.Warning,
			Message:  fmt.Sprintf("%s, and the sidecars of namespace %s don't take them from tokens: a header is ignored there, whoever set it", name, e.caller.namespace),
			Fix:      "write an OverridePolicy with the same access in that namespace",
		})
	case n.Waypoint.Name != "":
		e.notes = append(e.notes, note(diag.Warning, "%s, and %s is a waypoint, which would follow any header: overrides are not followed on calls from namespace %s", name, n.Waypoint, e.caller.namespace))
	case !a.Admits(n.Access.Rule):
		e.notes = append(e.notes, note(diag.Warning, "%s, and %s accepts others in namespace %s: overrides are not followed on calls from there", name, n.Policy, e.caller.namespace))
	}
}

// sayKeys says that it is not known whether a token is signed with the right key, if it counts and
// others have the keys.
func (a *Arrival) sayKeys(tokens *edge.Tokens) {
	if tokens == nil || !slices.ContainsFunc(a.Changes, func(c edge.Change) bool { return c.Made != "" && c.Refused == "" }) {
		return
	}
	switch {
	case tokens.KeysFrom != nil:
		a.say("this is the answer if one of the keys of %s has signed the token", tokens.KeysFrom.Host)
	case tokens.Users != nil && slices.ContainsFunc(a.Changes, func(c edge.Change) bool { return c.Of == "authorization" && c.Refused == "" }):
		a.say("this is the answer if one of the keys of %s has signed the token", tokens.Users.Issuer)
	}
}
