package edge

import (
	"fmt"
	"slices"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// reportOpen replaces the diagnostics of an implied policy, which nobody wrote, by one: that
// overrides that come from outside are followed behind its Gateway, and why. There is none if
// all of the Gateway's pods have the filter of some entry.
func (e *Entry) reportOpen(snapshot *model.Snapshot, entries []Entry) {
	if !e.Policy.Implied() {
		return
	}
	open, some := e.openPods(snapshot, entries)
	why := ""
	if worst, _ := diag.Worst(e.Diagnostics); worst > diag.Info {
		why = e.Diagnostics[slices.IndexFunc(e.Diagnostics, func(d diag.Diagnostic) bool { return d.Severity == worst })].Message
	}
	switch {
	case some && len(open) == 0, !some && why == "":
		e.Diagnostics = nil
		return
	case e.Policy.Older.Name != "":
		why = e.Policy.Older.String() + " is for some of its pods only"
	case why == "":
		why = fmt.Sprintf("its pods in namespace %s have no filter", open[0].Namespace)
	}
	e.Diagnostics = []diag.Diagnostic{diag.New(diag.EdgeDefaultNotInForce, e.Policy.Object(), "%s; overrides that come from outside are followed behind it", why).At(e.Policy.Origin)}
}

// openPods lists the known pods of a policy's Gateway that have the filter of no entry, and
// reports whether any are known.
func (e *Entry) openPods(snapshot *model.Snapshot, entries []Entry) (open []model.GatewayPods, some bool) {
	for _, pods := range snapshot.GatewayPods {
		if !e.isFor(snapshot, pods.Namespace, pods.Labels) {
			continue
		}
		some = true
		if !slices.ContainsFunc(entries, func(other Entry) bool { return other.Filter != nil && other.Filter.ActsOn(pods.Namespace, pods.Labels) }) {
			open = append(open, pods)
		}
	}
	return open, some
}
