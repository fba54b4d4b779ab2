package access

import (
	"bytes"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// A bare header must never be followed where only tokens count. So:
//
//	a filter comes   first the filter, then, when proxies have it, the rows
//	a filter goes    first the rows, then, when proxies have dropped them, the filter
//
// A filter with which sidecars carry overrides through programs (package carry) brings back tokens
// alone before a new filter of a namespace counts.

// Received returns the filters among the wanted objects that proxies have, and when to ask again; zero
// for never. before are those that they had at the last call.
//
// All contents of the filter of a namespace remove bare headers, so a change of it matters to
// nobody. The filter of a gateway may have kept them before a change: only the wanted one counts.
func Received(w *edge.Writes, before []diag.Object) ([]diag.Object, time.Time) {
	var out []diag.Object
	var again time.Time
	for i := range w.Wanted {
		wanted := &w.Wanted[i]
		if wanted.Kind != filterKind {
			continue
		}
		at := slices.IndexFunc(w.Observed, func(o plan.Observed) bool { return o.Object == wanted.Object })
		if at < 0 {
			continue
		}
		if NamespaceOf(wanted.Object).Name != "" && slices.Contains(before, wanted.Object) {
			out = append(out, wanted.Object)
			continue
		}
		due, written := receivedAt(w, wanted, w.Observed[at].Managed)
		if !written {
			continue
		}
		if !w.Now.Before(due) {
			out = append(out, wanted.Object)
		} else if again.IsZero() || due.Before(again) {
			again = due
		}
	}
	return out, again
}

// receivedAt returns when proxies have a wanted filter, of which there is some content in the
// cluster. written is unset if something has to be written before.
func receivedAt(w *edge.Writes, wanted *encoded.Object, content []byte) (at time.Time, written bool) {
	at = since(w, wanted.Object).Add(w.Delay)
	if NamespaceOf(wanted.Object).Name == "" {
		return at, string(content) == string(wanted.JSON)
	}
	end, bare := endOfBare(w, wanted.Namespace)
	if end.After(at) {
		at = end
	}
	return at, !bare
}

// endOfBare returns when sidecars of a namespace no longer carry bare headers through programs:
// they have the filter of package carry that is wanted there, or none. bare is set if it has to be
// written or deleted before.
func endOfBare(w *edge.Writes, namespace string) (end time.Time, bare bool) {
	filter := model.ForwardingFilter(namespace)
	at := slices.IndexFunc(w.Observed, func(o plan.Observed) bool { return o.Object == filter })
	if at < 0 {
		return w.Written[filter].Add(w.Delay), false
	}
	bare = !slices.ContainsFunc(w.Wanted, func(o encoded.Object) bool {
		return o.Object == filter && string(o.JSON) == string(w.Observed[at].Managed)
	})
	return since(w, filter).Add(w.Delay), bare
}

// since returns when an object that is in the cluster was written.
func since(w *edge.Writes, o diag.Object) time.Time {
	if at := w.Written[o]; !at.IsZero() {
		return at
	}
	return w.Started
}

// Needed returns the filters of namespaces that are needed although no policy asks for them:
// some VirtualService has rows for calls from their namespace, see [RowsFrom].
func Needed(observed []plan.Observed, hasRows func(namespace string) bool) []diag.Object {
	var out []diag.Object
	for i := range observed {
		if o := observed[i].Object; o == Object(o.Namespace) && hasRows(o.Namespace) {
			out = append(out, o)
		}
	}
	return out
}

// HasRows returns whether some of the objects have rows for the callers of a namespace, for
// [Needed].
func HasRows(observed []plan.Observed) func(namespace string) bool {
	from := map[string]bool{}
	for i := range observed {
		if observed[i].Kind == "VirtualService" {
			for _, namespace := range RowsFrom(observed[i].Managed) {
				from[namespace] = true
			}
		}
	}
	return func(namespace string) bool { return from[namespace] }
}

// rowFrom begins the condition of a row for the callers of a namespace.
var rowFrom = []byte(`"sourceNamespace":"`)

// RowsFrom lists the namespaces with rows for their callers in a VirtualService of Overrides,
// as it is encoded; each once.
func RowsFrom(virtualService []byte) []string {
	var out []string
	for {
		_, rest, found := bytes.Cut(virtualService, rowFrom)
		if !found {
			return out
		}
		namespace, rest, _ := bytes.Cut(rest, []byte(`"`))
		if !slices.Contains(out, string(namespace)) {
			out = append(out, string(namespace))
		}
		virtualService = rest
	}
}

// NamespaceOf returns the namespace whose filter an object is, as [model.Snapshot.Filters] names
// it; zero for other objects.
func NamespaceOf(o diag.Object) diag.Object {
	if o != Object(o.Namespace) {
		return diag.Object{}
	}
	return model.NamespaceObject(o.Namespace)
}
