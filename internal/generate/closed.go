package generate

import (
	"github.com/overrides-mesh/overrides/internal/closed"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Closed is [From], with what closes versions that are not released. No route leads to a version
// that can't be closed.
func Closed(snapshot *model.Snapshot) (Output, error) {
	out, err := From(snapshot)
	if err != nil {
		return Output{}, err
	}
	needs := closed.Needs(snapshot, out.Services)
	versions, err := closed.Make(needs, snapshot.AccessPolicies, &snapshot.Options)
	if err != nil {
		return Output{}, err
	}
	if open := closed.NotClosed(versions); len(open) > 0 {
		again := *snapshot
		again.NotClosed = open
		out, err = From(&again)
	}
	out.Closed = versions
	return out, err
}
