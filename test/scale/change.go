package scale

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/discover"
)

// changer changes the cluster as its users and nodes do.
type changer struct {
	*Cluster
	tracker  *Tracker
	services int
	random   *rand.Rand

	mu sync.Mutex
	// done counts changes, passed those that were no longer possible.
	done   map[string]int
	passed int
	errs   []error
}

// change is a kind of change. pick chooses its target, and returns nil if it is not
// possible for a Service in its current state.
type change struct {
	name string
	// weight is its frequency, relative to others.
	weight int
	pick   func(c *changer, n int, a *app) func(context.Context) error
}

// changes are the kinds of changes. Half of them affect no route.
var changes = []change{
	{"preview added", 3, addPreview},
	{"preview removed", 2, removePreview},
	{"preview scaled", 3, scalePreview},
	{"readiness lost", 3, loseReadiness},
	{"readiness found", 3, findReadiness},
	{"released version named otherwise", 1, nameReleased},
	{"service relabelled", 2, relabelService},
	{"released template rolled", 2, rollReleased},
	{"annotation touched", 5, touch},
}

// run makes perSecond changes each second for the given time, and waits for the last
// ones.
func (c *changer) run(ctx context.Context, perSecond int, last time.Duration) error {
	ticker := time.NewTicker(time.Second / time.Duration(perSecond))
	defer ticker.Stop()
	var group sync.WaitGroup
	defer group.Wait()
	for range int(last.Seconds()) * perSecond {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
		name, do := c.choose()
		group.Go(func() { c.note(name, do(ctx)) })
	}
	return nil
}

// choose picks a change and a Service that allows it.
func (c *changer) choose() (string, func(context.Context) error) {
	total := 0
	for _, x := range changes {
		total += x.weight
	}
	c.tracker.mu.Lock()
	defer c.tracker.mu.Unlock()
	for {
		at := c.random.IntN(total)
		for i := range changes {
			if at -= changes[i].weight; at >= 0 {
				continue
			}
			n := c.random.IntN(c.services)
			if a := c.tracker.apps[key(n)]; a != nil && a.service != nil {
				if do := changes[i].pick(c, n, a); do != nil {
					return changes[i].name, do
				}
			}
			break
		}
	}
}

// note counts a change. It skips one that conflicted with another.
func (c *changer) note(name string, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case err == nil:
		c.done[name]++
	case apierrors.IsNotFound(err) || apierrors.IsAlreadyExists(err) || apierrors.IsConflict(err):
		c.passed++
	default:
		c.errs = append(c.errs, fmt.Errorf("%s: %w", name, err))
	}
}

// previews lists the versions besides the released one.
func previews(a *app) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(a.deployments)) {
		if version := a.deployments[name].Labels["version"]; version != "v1" {
			out = append(out, version)
		}
	}
	return out
}

func pickOne(r *rand.Rand, from []string) string {
	if len(from) == 0 {
		return ""
	}
	return from[r.IntN(len(from))]
}

func addPreview(c *changer, n int, a *app) func(context.Context) error {
	there := previews(a)
	free := slices.DeleteFunc([]string{"v2", "v3", "pr-118"}, func(v string) bool { return slices.Contains(there, v) })
	version, pods := pickOne(c.random, free), int32(1+c.random.IntN(2)) //nolint:gosec // 1 or 2
	if version == "" {
		return nil
	}
	return func(ctx context.Context) error { return c.deploy(ctx, n, version, pods) }
}

func removePreview(c *changer, _ int, a *app) func(context.Context) error {
	version := pickOne(c.random, previews(a))
	if version == "" {
		return nil
	}
	return func(ctx context.Context) error {
		return c.kube.AppsV1().Deployments(a.key.namespace).Delete(ctx, a.key.name+"-"+version, metav1.DeleteOptions{})
	}
}

// scalePreview scales to another number of pods, 0 to 3.
func scalePreview(c *changer, _ int, a *app) func(context.Context) error {
	version := pickOne(c.random, previews(a))
	if version == "" {
		return nil
	}
	pods := int(*a.deployments[a.key.name+"-"+version].Spec.Replicas)
	pods = (pods + 1 + c.random.IntN(3)) % 4
	return c.patchDeployment(a, version, fmt.Sprintf(`{"spec":{"replicas":%d}}`, pods))
}

func (c *changer) patchDeployment(a *app, version, patch string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := c.kube.AppsV1().Deployments(a.key.namespace).Patch(ctx, a.key.name+"-"+version, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	}
}

// loseReadiness makes all pods of a preview unready, or one.
func loseReadiness(c *changer, _ int, a *app) func(context.Context) error {
	ready := podsOf(a, pickOne(c.random, previews(a)), corev1.ConditionTrue)
	if len(ready) > 1 && c.random.IntN(3) == 0 {
		ready = ready[:1]
	}
	return c.patchReadiness(a, ready, corev1.ConditionFalse)
}

func findReadiness(c *changer, _ int, a *app) func(context.Context) error {
	return c.patchReadiness(a, podsOf(a, pickOne(c.random, previews(a)), corev1.ConditionFalse), corev1.ConditionTrue)
}

// podsOf lists the pods of a version with the given readiness.
func podsOf(a *app, version string, status corev1.ConditionStatus) []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(a.pods)) {
		p := a.pods[name]
		if p.Labels["version"] != version || p.DeletionTimestamp != nil {
			continue
		}
		for _, condition := range p.Status.Conditions {
			if condition.Type == corev1.PodReady && condition.Status == status {
				out = append(out, name)
			}
		}
	}
	return out
}

// patchReadiness acts like a kubelet when probes fail, or succeed again.
func (c *changer) patchReadiness(a *app, pods []string, status corev1.ConditionStatus) func(context.Context) error {
	if len(pods) == 0 {
		return nil
	}
	return func(ctx context.Context) error {
		patch := fmt.Appendf(nil, `{"status":{"conditions":[{"type":"Ready","status":%q,"lastTransitionTime":%q}]}}`, status, time.Now().UTC().Format(time.RFC3339))
		for _, name := range pods {
			if _, err := c.kube.CoreV1().Pods(a.key.namespace).Patch(ctx, name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status"); err != nil {
				return err
			}
		}
		return nil
	}
}

// nameReleased changes the explicitly released version, or removes it.
func nameReleased(c *changer, _ int, a *app) func(context.Context) error {
	const annotation = discover.AnnotationPrefix + "released"
	value := "null"
	if _, named := a.service.Annotations[annotation]; !named {
		version := pickOne(c.random, previews(a))
		if version == "" || len(podsOf(a, version, corev1.ConditionTrue)) == 0 {
			return nil
		}
		value = strconv.Quote(version)
	}
	return c.patchService(a, fmt.Sprintf(`{"metadata":{"annotations":{%q:%s}}}`, annotation, value))
}

func (c *changer) patchService(a *app, patch string) func(context.Context) error {
	return func(ctx context.Context) error {
		_, err := c.kube.CoreV1().Services(a.key.namespace).Patch(ctx, a.key.name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	}
}

func relabelService(c *changer, _ int, a *app) func(context.Context) error {
	return c.patchService(a, fmt.Sprintf(`{"metadata":{"labels":{"team":"team-%d"}}}`, c.random.Uint32()))
}

// rollReleased replaces all pods of the released version.
func rollReleased(c *changer, _ int, a *app) func(context.Context) error {
	return c.patchDeployment(a, "v1", fmt.Sprintf(`{"spec":{"template":{"metadata":{"annotations":{"rolled":"%d"}}}}}`, c.random.Uint32()))
}

// touch changes a meaningless annotation of a Service, a Deployment or a Pod.
func touch(c *changer, _ int, a *app) func(context.Context) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"touched":"%d"}}}`, c.random.Uint32())
	switch c.random.IntN(3) {
	case 0:
		return c.patchService(a, patch)
	case 1:
		return c.patchDeployment(a, "v1", patch)
	}
	name := pickOne(c.random, slices.Sorted(maps.Keys(a.pods)))
	if name == "" {
		return nil
	}
	return func(ctx context.Context) error {
		_, err := c.kube.CoreV1().Pods(a.key.namespace).Patch(ctx, name, types.StrategicMergePatchType, []byte(patch), metav1.PatchOptions{})
		return err
	}
}
