package cleanup

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/gate"
	"github.com/overrides-mesh/overrides/internal/istio"
)

// Decision is what is to be done with what a cluster holds.
type Decision struct {
	// Routes are VirtualServices to delete, Subsets DestinationRules to delete once
	// the routes have been gone for long enough.
	Routes, Subsets []Target
	// Statuses are OverridePolicies that have a status of ours.
	Statuses []Target
	// Gates are Pods whose readiness gate nobody would open any more.
	Gates []Target
	// Left are objects that look like ours and stay.
	Left []Left
}

// Done reports whether there is nothing left to do.
func (d *Decision) Done() bool { return len(d.Routes)+len(d.Subsets)+len(d.Statuses)+len(d.Gates) == 0 }

// Target is an object as it was when it was read.
type Target struct {
	diag.Object
	UID             types.UID
	ResourceVersion string
}

// Left is an object that stays, and why.
type Left struct {
	diag.Object
	Why string
	// Ours is set where the object is ours and something has to be done about it.
	Ours bool
}

// Decide sorts out the VirtualServices, DestinationRules, OverridePolicies and Pods of
// a cluster.
//
//	labelled as ours  applied by us  label owned by others too  what happens
//	----------------  -------------  -------------------------  --------------------
//	no                               …                          not looked at
//	yes               no             …                          left: generate's output, applied by somebody
//	yes               yes            yes                        left: somebody applies it too
//	yes               yes            no                         deleted, unless a route that stays names it
//
// An object that names another installation than instance is left too.
//
// Others may own fields of an object that is ours: they have changed it, not made
// it, and it goes with their changes.
func Decide(objects []*unstructured.Unstructured, instance string) Decision {
	var out Decision
	var staying []*unstructured.Unstructured
	for _, o := range objects {
		why := notOurs(o, instance)
		switch {
		case o.GetKind() == "OverridePolicy":
			if hasStatus(o) {
				out.Statuses = append(out.Statuses, target(o))
			}
			continue
		case o.GetKind() == "Pod":
			if waits(o) {
				out.Gates = append(out.Gates, target(o))
			}
			continue
		case apply.IsOurs(o) && why != "":
			out.Left = append(out.Left, Left{Object: name(o), Why: why})
		case why == "" && o.GetKind() == "VirtualService":
			out.Routes = append(out.Routes, target(o))
			continue
		}
		if o.GetKind() == "VirtualService" {
			staying = append(staying, o)
		}
	}
	for _, o := range objects {
		if o.GetKind() != "DestinationRule" || notOurs(o, instance) != "" {
			continue
		}
		if by := namedBy(o, staying); by != "" {
			out.Left = append(out.Left, Left{Object: name(o), Why: by + " has a route to a subset of it", Ours: true})
			continue
		}
		out.Subsets = append(out.Subsets, target(o))
	}
	for _, list := range [][]Target{out.Routes, out.Subsets, out.Statuses, out.Gates} {
		slices.SortFunc(list, func(a, b Target) int { return a.Compare(b.Object) })
	}
	slices.SortFunc(out.Left, func(a, b Left) int { return a.Compare(b.Object) })
	return out
}

// notOurs says why an object is not to be deleted, "" if it is.
func notOurs(o *unstructured.Unstructured, instance string) string {
	of := o.GetAnnotations()[istio.InstanceAnnotation]
	if why := apply.NotOurs(o); why != "" || instance == All || !apply.IsForeign(of, instance) {
		return why
	}
	return "it belongs to the installation " + of
}

// hasStatus reports whether fields of an object's status are ours.
func hasStatus(o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(o.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == apply.Manager && entry.Subresource == "status"
	})
}

// waits reports whether a Pod waits for its readiness gate, and not for its end.
func waits(o *unstructured.Unstructured) bool {
	var pod corev1.Pod
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &pod)
	return err == nil && gate.Waits(&pod) && pod.DeletionTimestamp == nil
}

// namedBy names one of routes that has a destination in a subset of a rule.
func namedBy(rule *unstructured.Unstructured, routes []*unstructured.Unstructured) string {
	host, _, _ := unstructured.NestedString(rule.Object, "spec", "host")
	list, _, _ := unstructured.NestedSlice(rule.Object, "spec", "subsets")
	subsets := map[string]bool{}
	for _, s := range list {
		if fields, ok := s.(map[string]any); ok {
			name, _ := fields["name"].(string)
			subsets[name] = true
		}
	}
	for _, o := range routes {
		found := false
		destinations(o.Object["spec"], func(h, subset string) {
			found = found || (subsets[subset] && sameHost(h, o.GetNamespace(), host))
		})
		if found {
			return name(o).String()
		}
	}
	return ""
}

// destinations calls f for everything that names a host and a subset, at whatever
// depth: routes, mirrors, of all protocols.
func destinations(value any, f func(host, subset string)) {
	switch x := value.(type) {
	case []any:
		for _, item := range x {
			destinations(item, f)
		}
	case map[string]any:
		host, _ := x["host"].(string)
		if subset, _ := x["subset"].(string); host != "" && subset != "" {
			f(host, subset)
		}
		for _, item := range x {
			destinations(item, f)
		}
	}
}

// sameHost reports whether a host that a VirtualService of namespace names is full,
// which is whole. Istio completes names without a dot only.
func sameHost(host, namespace, full string) bool {
	return host == full || (!strings.Contains(host, ".") && strings.HasPrefix(full, host+"."+namespace+".svc."))
}

func name(o *unstructured.Unstructured) diag.Object {
	return diag.Object{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

func target(o *unstructured.Unstructured) Target {
	return Target{Object: name(o), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion()}
}
