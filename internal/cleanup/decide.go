package cleanup

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/gate"
	"github.com/overrides-mesh/overrides/internal/istio"
)

// Decision says what to do with the objects of a cluster.
type Decision struct {
	// Routes are VirtualServices and HTTPRoutes to delete, Subsets DestinationRules to delete once the
	// routes have been gone long enough.
	Routes, Subsets []Target
	// Filters are EnvoyFilters of gateways to delete, Guards their AuthorizationPolicies to
	// delete once the filters have been gone long enough.
	Filters, Guards []Target
	// Statuses are policies with a status of the operator.
	Statuses []Target
	// Gates are Pods whose readiness gate would stay closed forever.
	Gates []Target
	// Left are objects that look like objects of Overrides and stay.
	Left []Left
}

// Done reports whether there is nothing left to do.
func (d *Decision) Done() bool {
	return len(d.Routes)+len(d.Subsets)+len(d.Filters)+len(d.Guards)+len(d.Statuses)+len(d.Gates) == 0
}

// Target is an object as it was read.
type Target struct {
	diag.Object
	UID             types.UID
	ResourceVersion string
}

// Left is an object that stays, and why.
type Left struct {
	diag.Object
	Why string
	// Ours is set if Overrides made the object and somebody must act on it.
	Ours bool
}

// Decide decides about the objects that Overrides writes, its policies, and the Pods of a
// cluster.
//
//	labelled  applied by    label owned
//	as ours   the operator  by others    result
//	--------  ------------  -----------  ------------------------------------------------
//	no                      …            ignored
//	yes       no            …            left: output of generate, applied by somebody
//	yes       yes           yes          left: somebody applies it too
//	yes       yes           no           deleted, unless a route that stays names it
//
// An object that names another installation than instance is left too.
//
// Others may own fields of an object of the operator: they have changed it, not made it,
// and it is deleted with their changes.
func Decide(objects []*unstructured.Unstructured, instance string) Decision {
	var out Decision
	var staying []*unstructured.Unstructured
	for _, o := range objects {
		why := notOurs(o, instance)
		switch {
		case o.GetKind() == v1alpha1.KindOverridePolicy, o.GetKind() == v1alpha1.KindGatewayOverridePolicy:
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
		case why == "" && isRoute(o):
			out.Routes = append(out.Routes, target(o))
			continue
		case why == "" && o.GetKind() == "EnvoyFilter":
			out.Filters = append(out.Filters, target(o))
		case why == "" && o.GetKind() == "AuthorizationPolicy":
			out.Guards = append(out.Guards, target(o))
		}
		if isRoute(o) {
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
	for _, list := range [][]Target{out.Routes, out.Subsets, out.Filters, out.Guards, out.Statuses, out.Gates} {
		slices.SortFunc(list, func(a, b Target) int { return a.Compare(b.Object) })
	}
	slices.SortFunc(out.Left, func(a, b Left) int { return a.Compare(b.Object) })
	return out
}

func isRoute(o *unstructured.Unstructured) bool {
	return o.GetKind() == "VirtualService" || o.GetKind() == istio.HTTPRouteKind
}

// notOurs says why an object must not be deleted, "" if it may.
func notOurs(o *unstructured.Unstructured, instance string) string {
	of := o.GetAnnotations()[istio.InstanceAnnotation]
	if why := apply.NotOurs(o); why != "" || instance == All || !apply.IsForeign(of, instance) {
		return why
	}
	return "it belongs to the installation " + of
}

// hasStatus reports whether the operator owns fields of an object's status.
func hasStatus(o *unstructured.Unstructured) bool {
	return slices.ContainsFunc(o.GetManagedFields(), func(entry metav1.ManagedFieldsEntry) bool {
		return entry.Manager == apply.Manager && entry.Subresource == "status"
	})
}

// waits reports whether a Pod waits for its readiness gate, and is not terminating.
func waits(o *unstructured.Unstructured) bool {
	var pod corev1.Pod
	err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &pod)
	return err == nil && gate.Waits(&pod) && pod.DeletionTimestamp == nil
}

// namedBy names one of routes with a destination in a subset of a rule.
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

// destinations calls f for everything with a host and a subset, at any depth: routes and
// mirrors, of all protocols.
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

// sameHost reports whether a host in a VirtualService of namespace means full, a fully
// qualified name. Istio completes only names without a dot.
func sameHost(host, namespace, full string) bool {
	return host == full || (!strings.Contains(host, ".") && strings.HasPrefix(full, host+"."+namespace+".svc."))
}

func name(o *unstructured.Unstructured) diag.Object {
	return diag.Object{Kind: o.GetKind(), Namespace: o.GetNamespace(), Name: o.GetName()}
}

func target(o *unstructured.Unstructured) Target {
	return Target{Object: name(o), UID: o.GetUID(), ResourceVersion: o.GetResourceVersion()}
}
