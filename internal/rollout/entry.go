package rollout

import (
	"context"
	"fmt"
	"slices"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"

	"github.com/overrides-mesh/overrides/internal/access"
	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// listEntries adds the objects of policies of gateways. Without any policy, they need not be
// installed, or readable.
func (o *objects) listEntries(ctx context.Context, w *Wanted, namespaces []string, seen map[diag.Object]*apply.Seen, others map[diag.Object]bool) error {
	for _, kind := range edge.Kinds {
		for _, namespace := range namespaces {
			err := o.listKind(ctx, kind, namespace, seen, others)
			if err != nil && (len(w.Entries) > 0 || !apierrors.IsNotFound(err) && !apierrors.IsForbidden(err)) {
				return err
			}
		}
	}
	return nil
}

// takeEntries takes the steps for policies of gateways that may be taken now. It reports
// whether one was taken, or must be tried again, and when further ones may be; zero for never.
func (r *runner) takeEntries(ctx context.Context, w *Wanted, seen map[diag.Object]*apply.Seen, others map[diag.Object]bool) (bool, time.Time, error) {
	in := edge.Writes{Wanted: w.Entries, Written: r.written, Started: r.started, Now: time.Now().Add(r.ahead), Delay: r.Plan.PropagationDelay}
	for _, s := range seen {
		wanted := slices.ContainsFunc(w.Entries, func(o encoded.Object) bool { return o.Object == s.Object })
		if isEntry(s.Object) && (wanted || !r.KeepOthers && s.NotOurs == "" && s.Instance == "") {
			in.Observed = append(in.Observed, s.Observed)
		}
	}
	all := append(observedRoutes(seen), in.Observed...)
	for _, needed := range append(edge.Needed(w.Snapshot, w.Entries, all), access.Needed(all, access.HasRows(all))...) {
		r.needed[needed] = in.Now
	}
	in.Needed = r.needed
	steps, at := edge.Next(&in)
	var until time.Time
	if r.awaits, until = r.awaitFilters(&in); at.IsZero() || !until.IsZero() && until.Before(at) {
		at = until
	}
	progress := false
	for _, step := range steps {
		taken, err := r.take(ctx, step, seen[step.Object.Object], others)
		if err != nil {
			return false, at, err
		}
		if taken {
			r.written[step.Object.Object] = time.Now().Add(r.ahead)
		}
		progress = progress || taken
	}
	return progress, at, nil
}

// awaitFilters reports whether rows must wait, since some proxies don't have the filter yet that
// lets these count, and until when; zero if only a further step ends that.
func (r *runner) awaitFilters(in *edge.Writes) (bool, time.Time) {
	received, at := access.Received(in, r.received)
	r.received = received
	return slices.ContainsFunc(in.Wanted, func(o encoded.Object) bool {
		return access.NamespaceOf(o.Object).Name != "" && !slices.Contains(received, o.Object)
	}), at
}

func isEntry(o diag.Object) bool { return slices.Contains(edge.Kinds, o.Kind) }

// tellEntryWait says once that a step waits.
func (r *runner) tellEntryWait() {
	r.tell(fmt.Sprintf("waiting %v for gateways to receive the objects of their policies", r.Plan.PropagationDelay))
}

// observedRoutes lists the objects that plans are about.
func observedRoutes(seen map[diag.Object]*apply.Seen) []plan.Observed {
	var out []plan.Observed
	for _, s := range seen {
		if !isEntry(s.Object) {
			out = append(out, s.Observed)
		}
	}
	slices.SortFunc(out, func(a, b plan.Observed) int { return a.Compare(b.Object) })
	return out
}
