package rollout

import (
	"context"
	"maps"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// pretence is a cluster in the state after the steps of a dry run.
type pretence struct {
	cluster

	// seen and others are the content of the cluster; nil until it was read.
	seen   map[diag.Object]*apply.Seen
	others map[diag.Object]bool
	// written are the objects that differ from those in seen.
	written map[diag.Object]bool
}

func (p *pretence) list(ctx context.Context, w *Wanted) (map[diag.Object]*apply.Seen, map[diag.Object]bool, error) {
	if p.seen == nil {
		var err error
		if p.seen, p.others, err = p.cluster.list(ctx, w); err != nil {
			return nil, nil, err
		}
		p.written = map[diag.Object]bool{}
	}
	return maps.Clone(p.seen), p.others, nil
}

// Do lets the cluster check the first step for an object. It can't check later ones, as
// their object does not exist.
func (p *pretence) Do(ctx context.Context, step plan.Step, seen *apply.Seen) (*apply.Seen, error) {
	object := step.Object.Object
	if !p.written[object] {
		if _, err := p.cluster.Do(ctx, step, seen); err != nil {
			return nil, err
		}
		p.written[object] = true
	}
	if step.Action == plan.Delete {
		delete(p.seen, object)
		return nil, nil
	}
	observed, err := apply.Observe(&step.Object)
	if err != nil {
		return nil, err
	}
	p.seen[object] = &apply.Seen{Observed: observed}
	return p.seen[object], nil
}
