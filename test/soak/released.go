package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/test/soak/judge"
)

// keeper does to what is released what its owners do: rolls it in place, promotes
// another version, edits objects of their own.
type keeper struct {
	*cycler
	objects dynamic.Interface
	book    *judge.Book
	random  *rand.Rand
	// done counts what was done, by name.
	done map[string]int

	paid string
	ship int
	edit int
}

// aftertime is how long after all proxies have a route requests may still be under way
// that were sent by the one before.
const aftertime = time.Second

// settle waits until all proxies have what was written, and requests that were sent
// before are over: however long that takes on a machine that has other work, or while
// istiod is away. Until then ordinary requests may reach the version before.
func (k *keeper) settle(ctx context.Context) error {
	for {
		err := k.mesh.Settle(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			return pause(ctx, aftertime)
		}
		k.timeline.note("", "proxies do not have it yet: %v", err)
	}
}

// run does one thing after the other until ctx ends, or one fails.
func (k *keeper) run(ctx context.Context, every time.Duration) error {
	for {
		if err := pause(ctx, every/2+time.Duration(k.random.Int64N(int64(every)))); err != nil {
			return nil //nolint:nilerr // it is over
		}
		err := k.once(ctx)
		if ctx.Err() != nil {
			return nil //nolint:nilerr // it is over
		}
		if err != nil {
			return err
		}
	}
}

func (k *keeper) once(ctx context.Context) error {
	switch k.random.IntN(8) {
	case 0, 1:
		return k.promote(ctx)
	case 2:
		return k.rollVersion(ctx)
	case 3, 4:
		return k.edits(ctx)
	}
	names := []string{"front", "cart", "stock", "search", "pay"}
	return k.roll(ctx, names[k.random.IntN(len(names))])
}

// roll rolls the released workload of a Service in place.
func (k *keeper) roll(ctx context.Context, name string) error {
	s := serviceOf(name)
	what := "rolled, not pinned"
	if k.versions.pinned(name) {
		what = "rolled, pinned"
	}
	k.timeline.note(name, "the released workload is %s", what)
	w := &workload{service: name, name: s.released[0].workload, version: s.released[0].version, replicas: 1}
	if err := k.patch(ctx, w.name, fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"rolled":"%d"}}}}}`, time.Now().UnixNano())); err != nil {
		return err
	}
	k.done[what]++
	return k.rolled(ctx, w)
}

// promote names another version of pay as released.
func (k *keeper) promote(ctx context.Context) error {
	before := k.paid
	k.paid = map[string]string{"v1": "v2", "v2": "v1"}[before]
	k.timeline.note("pay", "%s is promoted", k.paid)
	k.book.Release("pay", k.paid)
	err := k.write(ctx, func() error {
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"overrides.mesh/released":%q}}}`, k.paid)
		_, err := k.mesh.Kubernetes().CoreV1().Services(namespace).Patch(ctx, "pay", types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	if err != nil {
		return err
	}
	k.done["promoted"]++
	if err := k.awaitPin(ctx, "pay", before); err != nil {
		return err
	}
	if err := k.settle(ctx); err != nil {
		return err
	}
	k.timeline.note("pay", "%s is retired", before)
	k.book.Retire("pay", before)
	return nil
}

// awaitPin waits until what is written for a Service leads ordinary requests no
// more to a version.
func (k *keeper) awaitPin(ctx context.Context, service, before string) error {
	return k.versions.until(ctx, within, func() bool {
		for _, subset := range k.versions.pins[service] {
			if subset == "" || subset == "override-"+before {
				return false
			}
		}
		return len(k.versions.pins[service]) > 0
	})
}

// rollVersion rolls the released workload of ship to another version.
func (k *keeper) rollVersion(ctx context.Context) error {
	before := fmt.Sprintf("r%d", k.ship)
	k.ship++
	now := fmt.Sprintf("r%d", k.ship)
	k.timeline.note("ship", "the released workload is rolled from %s to %s", before, now)
	k.book.Release("ship", now)
	if err := k.patch(ctx, "ship", fmt.Sprintf(`{"spec":{"template":{"metadata":{"labels":{"version":%q}}}}}`, now)); err != nil {
		return err
	}
	k.done["rolled to another version"]++
	if err := k.rolled(ctx, &workload{service: "ship", name: "ship", version: now, replicas: 1}); err != nil {
		return err
	}
	if err := errors.Join(pause(ctx, drain), k.settle(ctx)); err != nil {
		return err
	}
	k.book.Retire("ship", before)
	return nil
}

// edits changes the user's VirtualService of search.
func (k *keeper) edits(ctx context.Context) error {
	k.edit++
	k.timeline.note("search", "the user edits the VirtualService: timeout %ds", 20+k.edit%5)
	k.done["user's VirtualService edited"]++
	return k.write(ctx, func() error {
		patch := fmt.Appendf(nil, `{"spec":{"http":[{"name":"users","timeout":"%ds","route":[{"destination":{"host":"search"}}]}]}}`, 20+k.edit%5)
		_, err := k.objects.Resource(virtualServices).Namespace(namespace).Patch(ctx, "search", types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
}
