package access

import (
	"bytes"
	"slices"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// A bare header must never be followed where only tokens count. So:
//
//	a filter comes   first the filter, then, when proxies have it, the rows
//	a filter goes    first the rows, then, when proxies have dropped them, the filter

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
		at := slices.IndexFunc(w.Observed, func(o plan.Observed) bool { return o.Object == wanted.Object })
		if wanted.Kind != filterKind || at < 0 {
			continue
		}
		if NamespaceOf(wanted.Object).Name != "" {
			if slices.Contains(before, wanted.Object) {
				out = append(out, wanted.Object)
				continue
			}
		} else if string(w.Observed[at].Managed) != string(wanted.JSON) {
			continue
		}
		since := w.Written[wanted.Object]
		if since.IsZero() {
			since = w.Started
		}
		if due := since.Add(w.Delay); !w.Now.Before(due) {
			out = append(out, wanted.Object)
		} else if again.IsZero() || due.Before(again) {
			again = due
		}
	}
	return out, again
}

// Needed returns the filters of namespaces that are needed although no policy asks for them: some
// VirtualService has rows for calls from their namespace.
func Needed(observed []plan.Observed) []diag.Object {
	var out []diag.Object
	for i := range observed {
		o := observed[i].Object
		if o != Object(o.Namespace) {
			continue
		}
		row := []byte(`"sourceNamespace":"` + o.Namespace + `"`)
		if slices.ContainsFunc(observed, func(v plan.Observed) bool { return v.Kind == "VirtualService" && bytes.Contains(v.Managed, row) }) {
			out = append(out, o)
		}
	}
	return out
}

// NamespaceOf returns the namespace whose filter an object is, as [model.Snapshot.Filters] names
// it; zero for other objects.
func NamespaceOf(o diag.Object) diag.Object {
	if o != Object(o.Namespace) {
		return diag.Object{}
	}
	return model.NamespaceObject(o.Namespace)
}
