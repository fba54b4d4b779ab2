package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/test/soak/judge"
)

// keeper acts on released versions as their owners do: rolls them in place, promotes
// another version, edits the user's objects.
type keeper struct {
	*cycler
	objects dynamic.Interface
	book    *judge.Book
	random  *rand.Rand
	// done counts actions, by name.
	done map[string]int
	// still is held to prevent actions.
	still sync.Mutex

	paid               string
	ship, edit, weight int
}

// aftertime is how long requests that were sent on the previous route may still be in
// flight after all proxies have a new one.
const aftertime = time.Second

// settle waits until all proxies have the written objects, and earlier requests have
// ended: however long that takes on a busy machine, or while istiod is away. Until then
// ordinary requests may reach the previous version.
func (k *keeper) settle(ctx context.Context) error {
	for {
		err := k.mesh.Settle(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err == nil:
			return pause(ctx, aftertime)
		}
		k.timeline.note("", "proxies have not received it yet: %v", err)
	}
}

// run executes one action after the other until ctx ends, or one fails.
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
	k.still.Lock()
	defer k.still.Unlock()
	switch k.random.IntN(10) {
	case 0, 1:
		return k.promote(ctx)
	case 2:
		return k.rollVersion(ctx)
	case 3, 4:
		return k.edits(ctx)
	case 5, 6:
		return k.step(ctx)
	}
	names := []string{"front", "cart", "stock", "search", "pay", "deal"}
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
	k.done[what]++
	return k.rollInPlace(ctx, w)
}

// promote sets another version of pay as released, sometimes both for a while: then its
// pin is by version, and otherwise by the selector of a workload.
func (k *keeper) promote(ctx context.Context) error {
	before := k.paid
	k.paid = map[string]string{"v1": "v2", "v2": "v1"}[before]
	k.book.Release("pay", k.paid)
	if k.random.IntN(2) == 0 {
		if err := k.release(ctx, before, k.paid); err != nil {
			return err
		}
		k.done["both versions released"]++
		if err := pause(ctx, time.Duration(k.random.IntN(3000))*time.Millisecond); err != nil {
			return err
		}
	}
	if err := k.release(ctx, k.paid); err != nil {
		return err
	}
	k.done["promoted"]++
	if err := k.settle(ctx); err != nil {
		return err
	}
	k.timeline.note("pay", "%s is retired", before)
	k.book.Retire("pay", before)
	return nil
}

// release sets the released versions of pay, and waits until the written routes lead
// ordinary requests to them.
func (k *keeper) release(ctx context.Context, versions ...string) error {
	k.timeline.note("pay", "%v are released explicitly", versions)
	err := k.write(ctx, func() error {
		patch := fmt.Appendf(nil, `{"metadata":{"annotations":{"overrides.mesh/released":%q}}}`, strings.Join(versions, ", "))
		_, err := k.mesh.Kubernetes().CoreV1().Services(namespace).Patch(ctx, "pay", types.MergePatchType, patch, metav1.PatchOptions{})
		return err
	})
	if err != nil {
		return err
	}
	return k.versions.until(ctx, within, func() bool { return k.versions.pinnedTo("pay", versions...) })
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

// edits changes one of the user's objects for search.
func (k *keeper) edits(ctx context.Context) error {
	k.edit++
	switch k.random.IntN(4) {
	case 0:
		return k.userPatches(ctx, destinationRules, "search", fmt.Sprintf(`{"spec":{"trafficPolicy":{"connectionPool":{"http":{"maxRetries":%d}}}}}`, 5+k.edit%5))
	case 1:
		return k.appliesAnew(ctx)
	}
	return k.userPatches(ctx, virtualServices, "search", fmt.Sprintf(`{"spec":{"http":[{"name":"users","timeout":"%ds","route":[{"destination":{"host":"search"}}]}]}}`, 20+k.edit%5))
}

func (k *keeper) userPatches(ctx context.Context, kind schema.GroupVersionResource, name, patch string) error {
	k.timeline.note(name, "the user patches %s: %s", kind.Resource, patch)
	k.done["user's "+kind.Resource+" edited"]++
	return k.write(ctx, func() error {
		_, err := k.objects.Resource(kind).Namespace(namespace).Patch(ctx, name, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	})
}

// appliesAnew deletes the user's VirtualService of search, and applies it again.
func (k *keeper) appliesAnew(ctx context.Context) error {
	in := k.objects.Resource(virtualServices).Namespace(namespace)
	var before *unstructured.Unstructured
	err := k.write(ctx, func() (err error) {
		before, err = in.Get(ctx, "search", metav1.GetOptions{})
		return err
	})
	if err != nil {
		return err
	}
	k.timeline.note("search", "the user deletes the VirtualService, and applies it again")
	k.done["user's virtualservices created again"]++
	err = k.write(ctx, func() error {
		err := in.Delete(ctx, "search", metav1.DeleteOptions{})
		if apierrors.IsNotFound(err) {
			return nil // the answer was lost
		}
		return err
	})
	if err := errors.Join(err, pause(ctx, time.Duration(k.random.IntN(3000))*time.Millisecond)); err != nil {
		return err
	}
	object := &unstructured.Unstructured{Object: map[string]any{"spec": before.Object["spec"]}}
	object.SetAPIVersion(before.GetAPIVersion())
	object.SetKind(before.GetKind())
	object.SetName(before.GetName())
	return k.write(ctx, func() error {
		_, err := in.Create(ctx, object, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return nil // the same
		}
		return err
	})
}

// step changes the weights of deal, as a controller of progressive delivery does.
func (k *keeper) step(ctx context.Context) error {
	weights := []int{0, 20, 50, 100, 50, 0}
	k.weight++
	canary := weights[k.weight%len(weights)]
	k.timeline.note("deal", "the controller sets the canary's weight to %d %%", canary)
	k.done["controller's steps"]++
	return k.write(ctx, func() error {
		patch := fmt.Appendf(nil, `{"spec":{"http":[{"route":[{"destination":{"host":"deal","subset":"stable"},"weight":%d},{"destination":{"host":"deal","subset":"canary"},"weight":%d}]}]}}`, 100-canary, canary)
		_, err := k.objects.Resource(virtualServices).Namespace(namespace).Patch(ctx, "deal", types.MergePatchType, patch, metav1.PatchOptions{FieldManager: "rollouts-controller"})
		return err
	})
}
