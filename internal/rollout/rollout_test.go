package rollout

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// fake is a cluster in memory.
type fake struct {
	seen   map[diag.Object]*apply.Seen
	others map[diag.Object]bool
	// answer decides on the result of a step; nil accepts it.
	answer func(plan.Step) error
	// at is the time of the last write or deletion of each object.
	at map[string]time.Time
}

func newFake() *fake {
	return &fake{seen: map[diag.Object]*apply.Seen{}, others: map[diag.Object]bool{}, at: map[string]time.Time{}}
}

func (f *fake) list(_ context.Context, w *Wanted) (map[diag.Object]*apply.Seen, map[diag.Object]bool, error) {
	seen := maps.Clone(f.seen)
	maps.DeleteFunc(seen, func(o diag.Object, _ *apply.Seen) bool { return !w.All && !slices.Contains(w.Namespaces, o.Namespace) })
	return seen, f.others, nil
}

func (f *fake) Do(_ context.Context, step plan.Step, _ *apply.Seen) (*apply.Seen, error) {
	if f.answer != nil {
		if err := f.answer(step); err != nil {
			return nil, err
		}
	}
	object := step.Object.Object
	f.at[string(step.Action)+" "+object.Kind] = time.Now()
	if step.Action == plan.Delete {
		delete(f.seen, object)
		return nil, nil
	}
	observed, err := apply.Observe(&step.Object)
	f.seen[object] = &apply.Seen{Observed: observed}
	return f.seen[object], err
}

// shop is a snapshot of a Service in namespace shop with pods of some versions.
func shop(versions ...string) *Wanted {
	snapshot := &model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{"shop"}, Services: []model.Service{{
		Namespace: "shop", Name: "cart", Selector: map[string]string{"app": "cart"}, Ports: []model.Port{{Number: 80, HTTP: true}},
	}}}
	for _, v := range versions {
		labels := map[string]string{"app": "cart", "version": v}
		snapshot.Services[0].Backends = append(snapshot.Services[0].Backends, model.Backend{
			Workload: model.Workload{Kind: "Deployment", Name: "cart-" + v}, Labels: labels, Selector: labels, Pods: 1, Ready: 1,
		})
	}
	result := compile.Compile(snapshot)
	return &Wanted{Snapshot: snapshot, Result: &result, Namespaces: []string{"shop"}}
}

// play runs a rollout on f, and returns its messages.
func play(t *testing.T, f *fake, w *Wanted, options Options) (written, said []string, err error) {
	t.Helper()
	options.Plan = plan.DefaultOptions()
	options.Report = func(line string) { written = append(written, line) }
	options.Warn = func(line string) { said = append(said, line) }
	err = newRunner(f, func(context.Context) (*Wanted, error) { return w, nil }, options).run(t.Context())
	return written, said, err
}

func TestOrder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		written, _, err := play(t, f, shop("v1", "v2"), Options{})
		if diff := cmp.Diff([]string{"created DestinationRule shop/cart-overrides", "created VirtualService shop/cart-overrides"}, written); diff != "" || err != nil {
			t.Fatalf("%v\n%s", err, diff)
		}
		if gap := f.at["create VirtualService"].Sub(f.at["create DestinationRule"]); gap < time.Second {
			t.Errorf("the VirtualService is written %v after the DestinationRule, which takes proxies a second", gap)
		}
		if written, said, err := play(t, f, shop("v1", "v2"), Options{}); err != nil || written != nil || !slices.Contains(said, "nothing to write: everything is in place") {
			t.Errorf("the second time: %q, %q, %v", written, said, err)
		}
		written, said, err := play(t, f, shop("v1"), Options{})
		if err != nil || len(f.seen) > 0 {
			t.Fatalf("%v; left: %v\n%s", err, f.seen, strings.Join(said, "\n"))
		}
		if want := "deleted DestinationRule shop/cart-overrides"; written[len(written)-1] != want {
			t.Errorf("written %q, want %q at the end", written, want)
		}
		if gap := f.at["delete DestinationRule"].Sub(f.at["delete VirtualService"]); gap < 10*time.Second {
			t.Errorf("the DestinationRule is deleted %v after the VirtualService", gap)
		}
	})
}

// TestDryRun: a dry run has the same steps, changes nothing and takes no time.
func TestDryRun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		if _, _, err := play(t, f, shop("v1", "v2"), Options{}); err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		asked := map[string]int{}
		f.answer = func(step plan.Step) error {
			asked[step.Object.String()]++
			return nil
		}
		written, _, err := play(t, f, shop("v1"), Options{DryRun: true})
		if err != nil || time.Since(began) != 0 {
			t.Fatalf("%v, after %v", err, time.Since(began))
		}
		if want := "would delete DestinationRule shop/cart-overrides"; len(written) < 2 || written[len(written)-1] != want {
			t.Errorf("written %q, want %q at the end", written, want)
		}
		for object, n := range asked {
			if n > 1 {
				t.Errorf("the API server is asked %d times about %s, which it has not stored", n, object)
			}
		}
	})
}

// TestRefused: if a subset is refused, the route to it isn't written.
func TestRefused(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.answer = func(step plan.Step) error {
			if step.Object.Kind == "DestinationRule" {
				return &apply.Refusal{Step: step, Code: diag.FieldConflict, Message: ".spec.subsets: conflict with kubectl"}
			}
			return nil
		}
		written, said, err := play(t, f, shop("v1", "v2"), Options{})
		text := strings.Join(said, "\n")
		if !errors.Is(err, ErrIncomplete) || written != nil || !strings.Contains(text, "conflict with kubectl") || !strings.Contains(text, "--force-conflicts") {
			t.Errorf("%v, %q\n%s", err, written, text)
		}
	})
}

// TestTakeOver: objects that only others have applied are written on request.
func TestTakeOver(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		if _, _, err := play(t, f, shop("v1", "v2"), Options{}); err != nil {
			t.Fatal(err)
		}
		for _, s := range f.seen {
			s.NotOurs = "kubectl has applied it, with its label"
		}
		written, said, err := play(t, f, shop("v1", "v2", "v3"), Options{})
		if !errors.Is(err, ErrIncomplete) || written != nil || !strings.Contains(strings.Join(said, "\n"), "kubectl has applied it") {
			t.Errorf("%v, %q, %q", err, written, said)
		}
		if written, _, err = play(t, f, shop("v1", "v2", "v3"), Options{TakeOver: true}); err != nil || len(written) < 2 {
			t.Errorf("%v, %q", err, written)
		}
	})
}

// TestOthers: an object that somebody else made is never written to.
func TestOthers(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		f.others[diag.Object{Kind: "DestinationRule", Namespace: "shop", Name: "cart-overrides"}] = true
		written, said, err := play(t, f, shop("v1", "v2"), Options{})
		if !errors.Is(err, ErrIncomplete) || written != nil || !strings.Contains(strings.Join(said, "\n"), "[NameTaken]") {
			t.Errorf("%v, %q, %q", err, written, said)
		}
	})
}

// TestStale: an object that changes meanwhile is read again, but not forever.
func TestStale(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		left := 3
		f.answer = func(step plan.Step) error {
			if left--; left < 0 {
				return nil
			}
			return fmt.Errorf("%s: %w", step, apply.ErrStale)
		}
		if written, _, err := play(t, f, shop("v1", "v2"), Options{}); err != nil || len(written) != 2 {
			t.Errorf("%q, %v", written, err)
		}
		f = newFake()
		f.answer = func(plan.Step) error { return apply.ErrStale }
		if _, _, err := play(t, f, shop("v1", "v2"), Options{}); !errors.Is(err, apply.ErrStale) {
			t.Errorf("%v", err)
		}
	})
}

// TestPrunesWithinNamespaces: objects that are not wanted are deleted in the namespaces
// of the input, unless pruning is off.
func TestPrunesWithinNamespaces(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		for _, namespace := range []string{"shop", "lab"} {
			object := istio.Object{Object: diag.Object{Kind: "VirtualService", Namespace: namespace, Name: "old-overrides"}, JSON: []byte(`{"spec":{"hosts":["old"]}}`)}
			observed, err := apply.Observe(&object)
			if err != nil {
				t.Fatal(err)
			}
			f.seen[object.Object] = &apply.Seen{Observed: observed}
		}
		written, said, err := play(t, f, shop("v1"), Options{KeepOthers: true})
		if err != nil || written != nil || !slices.Contains(said, "left VirtualService shop/old-overrides, which is no longer generated") {
			t.Errorf("%q, %q, %v", written, said, err)
		}
		written, _, err = play(t, f, shop("v1"), Options{})
		if diff := cmp.Diff([]string{"deleted VirtualService shop/old-overrides"}, written); diff != "" || err != nil {
			t.Errorf("%v\n%s", err, diff)
		}
		if len(f.seen) != 1 {
			t.Errorf("left: %v", f.seen)
		}
	})
}

// TestKeepsWhatAPreviewLeaves: the objects of a Service whose last preview has gone are
// named too, although they would be deleted only later.
func TestKeepsWhatAPreviewLeaves(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		f := newFake()
		if _, _, err := play(t, f, shop("v1", "v2"), Options{}); err != nil {
			t.Fatal(err)
		}
		_, said, err := play(t, f, shop("v1"), Options{KeepOthers: true})
		for _, kind := range []string{"DestinationRule", "VirtualService"} {
			if want := "left " + kind + " shop/cart-overrides, which is no longer generated"; err != nil || !slices.Contains(said, want) {
				t.Errorf("%v; said %q, want %q in it", err, said, want)
			}
		}
		if len(f.seen) != 2 {
			t.Errorf("left: %v", f.seen)
		}
	})
}

// TestTimeout: a rollout ends with the cause of its context.
func TestTimeout(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		late := errors.New("too late")
		ctx, cancel := context.WithTimeoutCause(t.Context(), time.Millisecond, late)
		defer cancel()
		quiet := func(string) {}
		r := newRunner(newFake(), func(context.Context) (*Wanted, error) { return shop("v1", "v2"), nil }, Options{Plan: plan.DefaultOptions(), Report: quiet, Warn: quiet})
		if err := r.run(ctx); !errors.Is(err, late) {
			t.Errorf("got %v, want %v", err, late)
		}
	})
}
