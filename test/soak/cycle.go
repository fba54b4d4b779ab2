package soak

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"slices"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/test/soak/judge"
)

// within limits every wait for the mesh. Only the duration of a failing soak depends on
// it.
const within = 4 * time.Minute

// slot is a place for one version of a Service at a time. Cycles of a slot follow one
// another; slots are independent.
type slot struct {
	service string
	// names are the names of versions, which repeat in turn.
	names []string
}

// slots returns as many slots as the machine can handle.
func slots() []slot {
	return []slot{
		{"stock", []string{"v2", "v3"}},
		{"search", []string{"v2", "v3"}},
		{"pay", []string{"pr-1", "pr-2"}},
		{"ship", []string{"pr-1", "pr-2"}},
		{"cart", []string{"v2", "v3"}},
		{"stock", []string{"pr-1", "pr-2"}},
		{"search", []string{"pr-1", "pr-2"}},
		{"front", []string{"v2"}},
		{"ship", []string{"pr-3"}},
		{"deal", []string{"pr-1", "pr-2"}},
	}
}

// act is an action on a version.
type act string

const (
	crash     act = "crash"
	flap      act = "flap"
	roll      act = "roll"
	scaleUp   act = "scale up"
	scaleDown act = "scale down"
	scaleZero act = "scale to zero and back"
)

// plan has the actions of a cycle. It follows from the seed and the cycle's number.
type plan struct {
	number   int
	version  judge.Version
	replicas int32
	sidecar  bool
	startup  time.Duration
	acts     []act
	// dwells are the times from each announcement to the next action.
	dwells []time.Duration
	// overlap says that the next cycle begins while pods of this one still terminate,
	// pause that it waits until the Service is no longer pinned.
	overlap, pause bool
}

// newPlan draws a plan. Startup is at least the bound, unless the Service is always
// pinned or pods wait for the pin.
func newPlan(seed uint64, number int, s slot, bound time.Duration) plan {
	random := rand.New(rand.NewPCG(seed, uint64(number)))
	p := plan{number: number, version: judge.Version{Service: s.service, Name: s.names[random.IntN(len(s.names))]}, replicas: 1}
	if random.IntN(6) == 0 {
		p.replicas = 2
	}
	p.sidecar = random.IntN(5) == 0
	if serviceOf(s.service).pinned {
		bound = 0
	}
	p.startup = bound + time.Duration(random.IntN(1500))*time.Millisecond
	acts := []act{crash, crash, flap, flap, roll, scaleUp, scaleDown, scaleZero}
	for range []int{0, 0, 1, 1, 1, 2}[random.IntN(6)] {
		p.acts = append(p.acts, acts[random.IntN(len(acts))])
	}
	for range len(p.acts) + 1 {
		p.dwells = append(p.dwells, time.Duration(200+random.IntN(1300))*time.Millisecond)
	}
	p.overlap, p.pause = random.IntN(3) == 0, random.IntN(12) == 0
	return p
}

// cycler runs cycles.
type cycler struct {
	mesh     *localmesh.Mesh
	versions *versions
	timeline *timeline
}

// run runs one cycle, from the deployment of its version to its end.
func (c *cycler) run(ctx context.Context, p plan) (err error) {
	v := p.version
	w := &workload{service: v.Service, name: v.Service + "-" + v.Name, version: v.Name, replicas: p.replicas, startup: p.startup, sidecar: p.sidecar}
	c.timeline.note(v.Service, "cycle %d: %s comes, %d replicas, ready after %v, then %v", p.number, v, p.replicas, p.startup, p.acts)
	c.versions.deployed(v)
	if err := c.create(ctx, w); err != nil {
		return err
	}
	for i, dwell := range p.dwells {
		if err := c.versions.await(ctx, v, within); err != nil {
			return err
		}
		if err := pause(ctx, dwell); err != nil {
			return err
		}
		if i < len(p.acts) {
			c.timeline.note(v.Service, "%s: %s", v, p.acts[i])
			if err := c.do(ctx, w, p.acts[i]); err != nil {
				return fmt.Errorf("%s %s: %w", p.acts[i], v, err)
			}
		}
	}
	c.timeline.note(v.Service, "%s goes", v)
	c.versions.gone(v)
	if err := c.remove(ctx, w.name); err != nil {
		return err
	}
	return c.rest(ctx, w, p)
}

// rest waits between this cycle and the next one of its slot, as planned.
func (c *cycler) rest(ctx context.Context, w *workload, p plan) error {
	if p.pause {
		err := c.versions.until(ctx, 30*time.Second, func() bool { return len(c.versions.pins[w.service]) == 0 })
		if err != nil && !errors.Is(err, errLate) { // others may have come
			return err
		}
	}
	if p.overlap {
		return nil
	}
	var left []corev1.Pod
	var last error
	began := time.Now()
	err := poll(ctx, "the pods of "+w.name+" are gone", func() (bool, error) {
		left, last = c.mesh.Pods(ctx, namespace, "workload="+w.name)
		if last == nil && len(left) > 0 && time.Since(began) > orphaned {
			last = c.reap(ctx, w)
		}
		return last == nil && len(left) == 0, nil // the API server may be away
	})
	if err != nil && ctx.Err() == nil {
		for i := range left {
			c.timeline.note(w.service, "left: pod %s, owned by %v, ends %v, phase %s, conditions %v", left[i].Name, left[i].OwnerReferences, left[i].DeletionTimestamp, left[i].Status.Phase, left[i].Status.Conditions)
		}
		return errors.Join(err, last)
	}
	return err
}

// orphaned is the time after which remaining pods count as forgotten.
const orphaned = 30 * time.Second

// reap deletes the ReplicaSets of a deleted Deployment. Kubernetes' garbage collector
// forgets them if the Deployment was deleted and created again while its own watch was
// broken: it takes the new Deployment for a newer state of the old one.
func (c *cycler) reap(ctx context.Context, w *workload) error {
	apps := c.mesh.Kubernetes().AppsV1()
	present, err := apps.Deployments(namespace).Get(ctx, w.name, metav1.GetOptions{})
	if err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	sets, err := apps.ReplicaSets(namespace).List(ctx, metav1.ListOptions{LabelSelector: "workload=" + w.name})
	if err != nil {
		return err
	}
	for i := range sets.Items {
		set := &sets.Items[i]
		if owner := metav1.GetControllerOf(set); owner == nil || owner.UID == present.GetUID() {
			continue
		}
		c.timeline.note(w.service, "ReplicaSet %s was not garbage-collected", set.Name)
		policy := metav1.DeletePropagationBackground
		if err := apps.ReplicaSets(namespace).Delete(ctx, set.Name, metav1.DeleteOptions{PropagationPolicy: &policy}); err != nil && !apierrors.IsNotFound(err) {
			return err
		}
	}
	return nil
}

// create creates a Deployment, and retries while the API server or istiod's injection is
// away.
func (c *cycler) create(ctx context.Context, w *workload) error {
	return c.write(ctx, func() error {
		_, err := c.mesh.Kubernetes().AppsV1().Deployments(namespace).Create(ctx, w.deployment(), metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			// Either the answer of a successful write was lost, or the previous
			// Deployment still exists.
			return nil
		}
		return err
	})
}

func (c *cycler) remove(ctx context.Context, name string) error {
	return c.write(ctx, func() error {
		policy := metav1.DeletePropagationBackground
		err := c.mesh.Kubernetes().AppsV1().Deployments(namespace).Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &policy})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return err
	})
}

// write retries a write while the API server is away.
func (c *cycler) write(ctx context.Context, do func() error) error {
	var last error
	err := poll(ctx, "the API server accepts a write", func() (bool, error) {
		last = do()
		return last == nil, nil
	})
	return errors.Join(err, last)
}

func (c *cycler) patch(ctx context.Context, name, patch string) error {
	return c.write(ctx, func() error {
		_, err := c.mesh.Kubernetes().AppsV1().Deployments(namespace).Patch(ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	})
}

// do executes one action on an announced version.
func (c *cycler) do(ctx context.Context, w *workload, a act) error {
	v := judge.Version{Service: w.service, Name: w.version}
	switch a {
	case crash:
		return c.control(ctx, w, "/control/crash", func() { c.versions.breaks(v, judge.Crashed) })
	case flap:
		return c.control(ctx, w, "/control/unready?for=1500ms", func() { c.versions.breaks(v, judge.Unready) })
	case roll:
		return c.rollInPlace(ctx, w)
	case scaleUp, scaleDown:
		replicas := w.replicas + 1
		if a == scaleDown {
			replicas = max(1, w.replicas-1)
		}
		return c.scale(ctx, w, replicas)
	case scaleZero:
		before := w.replicas
		c.versions.breaks(v, judge.Leaving)
		if err := c.scale(ctx, w, 0); err != nil {
			return err
		}
		return c.scale(ctx, w, before)
	}
	return fmt.Errorf("unknown action %q", a)
}

// rollInPlace replaces the pods of a Deployment by others of the same version, and waits
// for them.
func (c *cycler) rollInPlace(ctx context.Context, w *workload) error {
	patch := fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"rolled":"%d"}}}}}`, time.Now().UnixNano())
	if err := c.patch(ctx, w.name, patch); err != nil {
		return err
	}
	return c.rolled(ctx, w)
}

// scale changes the number of pods of a version, and waits for it.
func (c *cycler) scale(ctx context.Context, w *workload, replicas int32) error {
	w.replicas = replicas
	if err := c.patch(ctx, w.name, fmt.Sprintf(`{"spec":{"replicas":%d}}`, replicas)); err != nil {
		return err
	}
	return c.rolled(ctx, w)
}

// rolled waits until a Deployment is stable: all its pods are ready, and of its newest
// template. Earlier pods may still terminate.
func (c *cycler) rolled(ctx context.Context, w *workload) error {
	return poll(ctx, w.name+" is rolled", func() (bool, error) {
		d, err := c.mesh.Kubernetes().AppsV1().Deployments(namespace).Get(ctx, w.name, metav1.GetOptions{})
		if err != nil {
			return false, nil //nolint:nilerr // the API server may be away
		}
		s := d.Status
		return s.ObservedGeneration == d.Generation && s.Replicas == w.replicas && s.UpdatedReplicas == w.replicas && s.ReadyReplicas == w.replicas, nil
	})
}

// control sends a control request to a ready pod of a version, after logging it.
func (c *cycler) control(ctx context.Context, w *workload, path string, say func()) error {
	pods, err := c.mesh.Pods(ctx, namespace, "workload="+w.name)
	if err != nil {
		return nil //nolint:nilerr // the API server may be away: then nothing is done
	}
	i := slices.IndexFunc(pods, func(p corev1.Pod) bool { return localmesh.Ready(&p) })
	if i < 0 {
		return nil
	}
	from := localmesh.Pod{Namespace: namespace, Name: pods[i].Name, IP: pods[i].Status.PodIP}
	inside := &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return c.mesh.Dial(ctx, from, "127.0.0.1:8080")
	}}}
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://localhost"+path, http.NoBody)
	if err != nil {
		return err
	}
	say()
	response, err := inside.Do(request)
	if err != nil {
		return nil //nolint:nilerr // one that crashes does not answer
	}
	return response.Body.Close()
}

// poll calls so until it returns true.
func poll(ctx context.Context, what string, so func() (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, within)
	defer cancel()
	for {
		ok, err := so()
		if err != nil || ok {
			return err
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			return fmt.Errorf("wait until %s: %w", what, err)
		}
	}
}

// pause waits for a time, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
