package cli

import (
	"runtime"

	"golang.org/x/sync/errgroup"

	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/island"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// servicesInPart is how many Services are compiled at once if the input is divided. More need
// more memory, fewer more time (docs/benchmarks.md).
const servicesInPart = 50

// divides reports whether the input is compiled in parts. A selection needs all tables.
func (in *input) divides() bool { return in.forget && in.selector == "" }

// generate makes the objects for a snapshot: at once, or on all processors for some islands
// after the others, so that only the tables of a few Services are in memory.
func (in *input) generate(snapshot *model.Snapshot, groups island.Groups) (generate.Output, error) {
	if !in.divides() {
		return generate.Closed(snapshot)
	}
	parts := groups.Divide(snapshot, servicesInPart)
	made := make([]generate.Output, len(parts))
	workers := runtime.GOMAXPROCS(0)
	var group errgroup.Group
	for w := range workers {
		group.Go(func() (err error) {
			var packer istio.Packer
			for i := w; i < len(parts) && err == nil; i += workers {
				if made[i], err = generate.Closed(parts[i]); !in.prints {
					made[i].Objects = nil
				}
				if err == nil {
					err = made[i].Pack(&packer)
				}
			}
			return err
		})
	}
	err := group.Wait()
	return generate.Join(made), err
}
