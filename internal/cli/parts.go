package cli

import (
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/island"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// servicesInPart is how many Services are compiled at once if the input is divided. Larger parts
// need more memory, and smaller ones save hardly any (docs/benchmarks.md).
const servicesInPart = 20

// divides reports whether the input is compiled in parts. A selection needs all tables.
func (in *input) divides() bool { return in.forget && in.selector == "" }

// generate makes the objects for a snapshot. If the input is divided, all processors make them
// for one part after the other, so that the tables of few Services are in memory.
func (in *input) generate(snapshot *model.Snapshot, groups island.Groups) (generate.Output, error) {
	if !in.divides() {
		return generate.Closed(snapshot)
	}
	parts := groups.Divide(snapshot, servicesInPart)
	made := make([]generate.Output, len(parts))
	workers := runtime.GOMAXPROCS(0)
	var group errgroup.Group
	for w := range workers {
		group.Go(func() error {
			var packer istio.Packer
			for i := w; i < len(parts); i += workers {
				out, err := generate.Closed(parts[i])
				if err != nil {
					return err
				}
				if !in.prints {
					out.Objects = nil
				}
				if err := out.Pack(&packer); err != nil {
					return err
				}
				made[i] = out
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return generate.Output{}, err
	}
	return generate.Join(made), nil
}
