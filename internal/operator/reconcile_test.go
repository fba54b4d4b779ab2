package operator

import (
	"slices"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/island"
)

// TestDue: an island is due if it has changed, if it waits and its time has come, and if its
// plan waits for proxies. An island that is gone never is, whatever still waits for it.
func TestDue(t *testing.T) {
	t.Parallel()
	now := time.Now()
	s := newStore(&Options{})
	r := newTestReconciler(&Options{}, s)
	r.proxySync = &proxySync{pending: map[*islandState]pendingSync{}}
	state := func(at time.Time) *islandState {
		p := r.islands.state(&island.Island{})
		p.requeueAt = at
		r.islands.settle(p)
		return p
	}
	idle, soon, over := state(time.Time{}), state(now.Add(time.Minute)), state(now.Add(-time.Second))
	pending, gone := state(time.Time{}), state(time.Time{})
	delete(r.islands.states, gone.island)
	for _, p := range []*islandState{pending, gone} {
		r.proxySync.pending[p] = pendingSync{clusters: awaited(now).PendingClusters}
	}
	if got := r.due(nil, nil, now); len(got) != 3 || !slices.Contains(got, over) || !slices.Contains(got, pending) || got[2] != r.islands.rest {
		t.Errorf("%d islands are due, want the one whose time has come, the pending one and the rest", len(got))
	}
	if got := r.due([]*islandState{idle}, nil, now); len(got) != 4 || !slices.Contains(got, idle) || slices.Contains(got, soon) {
		t.Errorf("%d islands are due with a changed one, want 4", len(got))
	}
	if at := r.next(); !at.Equal(over.requeueAt) {
		t.Errorf("next at %v", at)
	}
}
