package generate

import (
	"github.com/overrides-mesh/overrides/internal/closed"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Closed is [From], with what closes versions that are not released. No route leads to a version
// that can't be closed.
func Closed(snapshot *model.Snapshot) (Output, []closed.Version, error) {
	out, err := From(snapshot)
	if err != nil {
		return Output{}, nil, err
	}
	needs := closed.Needs(snapshot, out.Services)
	versions, err := closed.Make(needs, snapshot.AccessPolicies, &snapshot.Options)
	if err != nil {
		return Output{}, nil, err
	}
	open := closed.NotClosed(versions)
	if len(open) == 0 {
		return out, versions, nil
	}
	again := *snapshot
	again.NotClosed = open
	out, err = From(&again)
	return out, versions, err
}
