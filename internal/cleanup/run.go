package cleanup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/gate"
)

// Options are settings of a cleanup.
type Options struct {
	// Namespaces are the namespaces to clean; empty means all.
	Namespaces []string
	// LeaseNamespace is the namespace of the operator's lease, LeaseTimeout the time to
	// wait for an operator that is still the leader.
	LeaseNamespace string
	LeaseTimeout   time.Duration
	// Instance is the installation whose objects are removed, along with objects that
	// name none; if it is empty, that of the lease. All means every installation.
	Instance string
	// Keep is how long proxies may take to drop a route.
	Keep time.Duration
	// CRD deletes the definitions of the kinds of policies too, if there is no policy.
	CRD bool
	// Gates opens closed readiness gates.
	Gates bool
	// DryRun reports what would be done, and does nothing.
	DryRun bool
	// Report gets a line for each change, Warn other messages for people.
	Report, Warn func(line string)
}

// All means every installation.
const All = "*"

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// rounds limits how often the cluster is read again after a change.
const rounds = 5

// ErrLeft means that an object of Overrides remains.
var ErrLeft = errors.New("not everything could be removed")

// cleaner is the state of one cleanup.
type cleaner struct {
	Options

	config  *rest.Config
	objects dynamic.Interface
	// told are the objects that were reported as left.
	told map[diag.Object]bool
}

// Run removes the operator's objects from the cluster of config.
func Run(ctx context.Context, config *rest.Config, options Options) error {
	config = rest.CopyConfig(config)
	config.QPS = -1
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	c := &cleaner{Options: options, config: config, objects: objects, told: map[diag.Object]bool{}}
	if options.DryRun {
		return c.pretend(ctx)
	}
	if err := c.holding(ctx, c.clean); err != nil {
		return err
	}
	if options.CRD {
		return c.deleteDefinitions(ctx)
	}
	return nil
}

// pretend reports what would be done.
func (c *cleaner) pretend(ctx context.Context) error {
	d, err := c.look(ctx)
	if err != nil {
		return err
	}
	for _, list := range [][]Target{d.Routes, d.Subsets, d.Filters, d.Guards} {
		for _, t := range list {
			c.report("would delete %s", t.Object)
		}
	}
	for _, t := range d.Statuses {
		c.report("would clear the status of %s", t.Object)
	}
	for _, t := range d.Gates {
		c.report("would open the readiness gate of %s", t.Object)
	}
	return nil
}

// clean removes everything, and repeats until nothing is left.
func (c *cleaner) clean(ctx context.Context) error {
	for range rounds {
		d, err := c.look(ctx)
		if err != nil {
			return err
		}
		if d.Done() {
			return c.verdict(d)
		}
		if err := c.take(ctx, d); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: objects are created again as soon as they are deleted. Another operator is running, with a lease elsewhere or without one", ErrLeft)
}

func (c *cleaner) verdict(d *Decision) error {
	for _, l := range d.Left {
		if l.Ours {
			return fmt.Errorf("%w: change the objects named above, and run this again", ErrLeft)
		}
	}
	return nil
}

// look reads the cluster and decides.
func (c *cleaner) look(ctx context.Context) (*Decision, error) {
	var all []*unstructured.Unstructured
	for _, kind := range append(slices.Clone(apply.RouteKinds), "OverridePolicy") {
		for _, namespace := range c.namespaces() {
			list, err := c.list(ctx, apply.Resources[kind], namespace)
			if err != nil {
				return nil, err
			}
			all = append(all, list...)
		}
	}
	for _, kind := range append(slices.Clone(edge.Kinds), v1alpha1.KindGatewayOverridePolicy) {
		list, err := c.listOptional(ctx, kind)
		if err != nil {
			return nil, err
		}
		all = append(all, list...)
	}
	waiting, err := c.waiting(ctx)
	if err != nil {
		return nil, err
	}
	d := Decide(append(all, waiting...), cmp.Or(c.Instance, apply.InstanceOf(c.LeaseNamespace)))
	for _, l := range d.Left {
		if !c.told[l.Object] {
			c.told[l.Object] = true
			c.warn("left %s: %s", l.Object, l.Why)
		}
	}
	return &d, nil
}

// listOptional lists objects of a kind that only policies of gateways need. Without permission
// to list it, there are none.
func (c *cleaner) listOptional(ctx context.Context, kind string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	for _, namespace := range c.namespaces() {
		list, err := c.list(ctx, apply.Resources[kind], namespace)
		if apierrors.IsForbidden(err) {
			if object := (diag.Object{Kind: kind}); !c.told[object] {
				c.told[object] = true
				c.warn("not allowed to list %s: what was written for policies of gateways stays", apply.Resources[kind].Resource)
			}
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

// waiting lists the Pods with a closed readiness gate. Without permission to list Pods,
// there are none.
func (c *cleaner) waiting(ctx context.Context) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	if !c.Gates {
		return nil, nil
	}
	for _, namespace := range c.namespaces() {
		list, err := c.list(ctx, apply.Resources["Pod"], namespace)
		if apierrors.IsForbidden(err) {
			c.warn("not allowed to list Pods: their closed readiness gates stay closed")
			return nil, nil
		}
		if err != nil {
			return nil, err
		}
		out = append(out, list...)
	}
	return out, nil
}

func (c *cleaner) namespaces() []string {
	if len(c.Namespaces) == 0 {
		return []string{metav1.NamespaceAll}
	}
	return c.Namespaces
}

// list lists a resource, which may not be installed.
func (c *cleaner) list(ctx context.Context, resource schema.GroupVersionResource, namespace string) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	err := apply.Each(ctx, c.objects, resource, namespace, func(o *unstructured.Unstructured) error {
		// Only few of the many Pods matter; the others are not kept.
		if o.GetKind() != "Pod" || waits(o) {
			out = append(out, o)
		}
		return nil
	})
	if apierrors.IsNotFound(err) {
		return nil, nil
	}
	return out, err
}

// take takes a decision's steps: routes, a wait, subsets and filters, a wait, guards,
// statuses, gates. While there is a filter that makes headers, there is its guard; and when it
// goes, no route follows them.
func (c *cleaner) take(ctx context.Context, d *Decision) error {
	if err := c.deleteAll(ctx, d.Routes); err != nil {
		return err
	}
	if len(d.Routes) > 0 && len(d.Subsets)+len(d.Filters) > 0 {
		if err := c.wait(ctx, "routes"); err != nil {
			return err
		}
	}
	if err := errors.Join(c.deleteAll(ctx, d.Subsets), c.deleteAll(ctx, d.Filters)); err != nil {
		return err
	}
	if len(d.Filters) > 0 && len(d.Guards) > 0 {
		if err := c.wait(ctx, "filters"); err != nil {
			return err
		}
	}
	if err := c.deleteAll(ctx, d.Guards); err != nil {
		return err
	}
	for _, t := range d.Statuses {
		if err := c.clearStatus(ctx, t); err != nil {
			return err
		}
	}
	for _, t := range d.Gates {
		if err := c.openGate(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// deleteAll deletes objects, and stops at the first error.
func (c *cleaner) deleteAll(ctx context.Context, list []Target) error {
	for _, t := range list {
		if err := c.delete(ctx, t); err != nil {
			return err
		}
	}
	return nil
}

// wait waits until proxies have dropped what was deleted.
func (c *cleaner) wait(ctx context.Context, what string) error {
	c.warn("waiting %v for proxies to drop the %s", c.Keep, what)
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-time.After(c.Keep):
		return nil
	}
}

// delete deletes an object as it was read. If it has changed since, it is read again.
func (c *cleaner) delete(ctx context.Context, t Target) error {
	err := c.objects.Resource(apply.Resources[t.Kind]).Namespace(t.Namespace).Delete(ctx, t.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &t.UID, ResourceVersion: &t.ResourceVersion},
	})
	switch {
	case err == nil:
		c.report("deleted %s", t.Object)
		return nil
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return nil
	}
	return fmt.Errorf("delete %s: %w", t.Object, err)
}

// clearStatus gives up all fields of a policy's status that the operator owns.
func (c *cleaner) clearStatus(ctx context.Context, t Target) error {
	return c.applyStatus(ctx, t, "cleared the status of", nil)
}

// openGate opens the gate of a Pod that waits for an operator.
func (c *cleaner) openGate(ctx context.Context, t Target) error {
	return c.applyStatus(ctx, t, "opened the readiness gate of", gate.OpenStatus(gate.Removed, "Overrides was removed from the cluster", time.Now()))
}

// applyStatus applies the operator's part of an object's status. If the object is gone or
// was replaced, it is read again.
func (c *cleaner) applyStatus(ctx context.Context, t Target, verb string, status any) error {
	err := apply.Status(ctx, c.objects, t.Object, t.UID, status)
	switch {
	case err == nil:
		c.report("%s %s", verb, t.Object)
		return nil
	case apierrors.IsNotFound(err), apierrors.IsConflict(err):
		return nil
	}
	return fmt.Errorf("write the status of %s: %w", t.Object, err)
}

// definitionsOf are the resources whose definitions go with the last object of each.
var definitionsOf = []string{"overridepolicies", "gatewayoverridepolicies", "overridegrants", "overridegrantpolicies"}

// deleteDefinitions deletes the definitions of Overrides, unless that would delete an object of a
// user.
func (c *cleaner) deleteDefinitions(ctx context.Context) error {
	var errs []error
	for _, resource := range definitionsOf {
		errs = append(errs, c.deleteDefinition(ctx, v1alpha1.GroupVersion.WithResource(resource)))
	}
	return errors.Join(errs...)
}

func (c *cleaner) deleteDefinition(ctx context.Context, resource schema.GroupVersionResource) error {
	name := resource.Resource + "." + resource.Group
	left, err := c.list(ctx, resource, metav1.NamespaceAll)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		var names []string
		for _, o := range left {
			names = append(names, strings.TrimPrefix(o.GetNamespace()+"/"+o.GetName(), "/"))
		}
		return fmt.Errorf("%w: CustomResourceDefinition %s stays, since there are objects of it: %s", ErrLeft, name, strings.Join(names, ", "))
	}
	err = c.objects.Resource(definitions).Delete(ctx, name, metav1.DeleteOptions{})
	if apierrors.IsNotFound(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete CustomResourceDefinition %s: %w", name, err)
	}
	c.report("deleted CustomResourceDefinition %s", name)
	return nil
}

func (c *cleaner) report(format string, args ...any) { c.Report(fmt.Sprintf(format, args...)) }

func (c *cleaner) warn(format string, args ...any) { c.Warn(fmt.Sprintf(format, args...)) }
