package cleanup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/gate"
)

// Options are settings of a cleanup.
type Options struct {
	// Namespaces are those that are cleaned; empty means all.
	Namespaces []string
	// LeaseNamespace is where the operator's lease is, LeaseTimeout how long an
	// operator that still leads is waited for.
	LeaseNamespace string
	LeaseTimeout   time.Duration
	// Instance is the installation whose objects are removed, with those that name none;
	// that of the lease if it is empty. All is for those of every one.
	Instance string
	// Keep is how long proxies may take to forget a route.
	Keep time.Duration
	// CRD has the definition of OverridePolicy deleted too, if there is no policy.
	CRD bool
	// Gates has readiness gates opened that are shut.
	Gates bool
	// DryRun has everything said and nothing done.
	DryRun bool
	// Report is told what was done, Warn what people should know.
	Report, Warn func(line string)
}

// All stands for every installation.
const All = "*"

var definitions = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// rounds bounds how often it is looked again after something has changed.
const rounds = 5

// ErrLeft says that something of ours is still there.
var ErrLeft = errors.New("not everything could be removed")

// cleaner is one cleanup.
type cleaner struct {
	Options

	config  *rest.Config
	objects dynamic.Interface
	// told are the objects that were said to be left.
	told map[diag.Object]bool
}

// Run removes from the cluster that config leads to what the operator has made.
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
		return c.deleteDefinition(ctx)
	}
	return nil
}

// pretend says what would be done.
func (c *cleaner) pretend(ctx context.Context) error {
	d, err := c.look(ctx)
	if err != nil {
		return err
	}
	for _, list := range [][]Target{d.Routes, d.Subsets} {
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

// clean removes everything, and looks again until it is so.
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
	return fmt.Errorf("%w: it is made again as it is deleted. Another operator runs, whose lease is elsewhere or who has none", ErrLeft)
}

func (c *cleaner) verdict(d *Decision) error {
	for _, l := range d.Left {
		if l.Ours {
			return fmt.Errorf("%w: change what is named above, and run this again", ErrLeft)
		}
	}
	return nil
}

// look reads the cluster and decides.
func (c *cleaner) look(ctx context.Context) (*Decision, error) {
	var all []*unstructured.Unstructured
	for _, kind := range []string{"VirtualService", "DestinationRule", "OverridePolicy"} {
		for _, namespace := range c.namespaces() {
			list, err := c.list(ctx, apply.Resources[kind], namespace)
			if err != nil {
				return nil, err
			}
			all = append(all, list...)
		}
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

// waiting lists the Pods whose readiness gate is shut. Who may not see Pods leaves
// them alone.
func (c *cleaner) waiting(ctx context.Context) ([]*unstructured.Unstructured, error) {
	var out []*unstructured.Unstructured
	if !c.Gates {
		return nil, nil
	}
	for _, namespace := range c.namespaces() {
		list, err := c.list(ctx, apply.Resources["Pod"], namespace)
		if apierrors.IsForbidden(err) {
			c.warn("not allowed to list Pods: those with a shut readiness gate stay so")
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
		// Of the many Pods only few are of interest, and none is kept for others.
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

// take takes a decision's steps: routes, a wait, subsets, statuses, gates.
func (c *cleaner) take(ctx context.Context, d *Decision) error {
	for _, t := range d.Routes {
		if err := c.delete(ctx, t); err != nil {
			return err
		}
	}
	if len(d.Routes) > 0 && len(d.Subsets) > 0 {
		c.warn("waiting %v for proxies to forget the routes", c.Keep)
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(c.Keep):
		}
	}
	for _, t := range d.Subsets {
		if err := c.delete(ctx, t); err != nil {
			return err
		}
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

// delete deletes an object as it was seen. One that has changed since is looked at
// again.
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

// clearStatus gives up all fields of a policy's status that are ours.
func (c *cleaner) clearStatus(ctx context.Context, t Target) error {
	return c.applyStatus(ctx, t, "cleared the status of", nil)
}

// openGate lets a Pod be ready that waits for an operator.
func (c *cleaner) openGate(ctx context.Context, t Target) error {
	return c.applyStatus(ctx, t, "opened the readiness gate of", gate.OpenStatus(gate.Removed, "Overrides was removed from the cluster", time.Now()))
}

// applyStatus applies what is to be ours of an object's status. One that is gone, or
// has become another, is looked at again.
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

// deleteDefinition deletes the definition of OverridePolicy, unless that would
// delete a policy.
func (c *cleaner) deleteDefinition(ctx context.Context) error {
	policies := apply.Resources["OverridePolicy"]
	left, err := c.list(ctx, policies, metav1.NamespaceAll)
	if err != nil {
		return err
	}
	if len(left) > 0 {
		var names []string
		for _, p := range left {
			names = append(names, p.GetNamespace()+"/"+p.GetName())
		}
		return fmt.Errorf("%w: the definition of OverridePolicy stays, since there are policies: %s", ErrLeft, strings.Join(names, ", "))
	}
	name := policies.Resource + "." + policies.Group
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
