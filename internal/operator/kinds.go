package operator

import (
	"fmt"
	"maps"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/gate"
	"github.com/overrides-mesh/overrides/internal/istio"
)

// kind is a watched kind.
type kind struct {
	discover.Kind
	// typed is set for kinds that every cluster has.
	typed client.Object
}

// key identifies a watched kind. ConfigMaps are watched by name, so the key of each contains
// the name.
func (k *kind) key() string {
	if k.Scope == discover.Root {
		return k.Name + " " + k.Fields
	}
	return k.ObjectKind()
}

// ownCache reports whether a kind has a cache of its own: because it can be installed and
// removed, or because a cache has one selector for each kind.
func (k *kind) ownCache() bool { return k.typed == nil || k.Scope == discover.Root }

// anyNamespace reports whether objects in namespaces that are not managed matter.
func (k *kind) anyNamespace() bool { return k.Scope != discover.Near }

func (k *kind) groupKind() schema.GroupKind { return schema.GroupKind{Group: k.Group, Kind: k.Name} }

// object returns an object that identifies the kind, in a version, to the cache.
func (k *kind) object(version string) client.Object {
	if k.typed != nil {
		return k.typed
	}
	u := &unstructured.Unstructured{}
	u.SetGroupVersionKind(k.groupKind().WithVersion(version))
	return u
}

func (k *kind) labelSelector() labels.Selector {
	if k.Labels == "" {
		return nil
	}
	return must(labels.Parse(k.Labels))
}

func (k *kind) fieldSelector() fields.Selector {
	if k.Fields == "" {
		return nil
	}
	return must(fields.ParseSelector(k.Fields))
}

func must[T any](value T, err error) T {
	if err != nil {
		panic(err) // a selector in the list of kinds is invalid
	}
	return value
}

// metadataOf returns an object that identifies a kind to the cache if only the metadata is
// read.
func metadataOf(group, name string) client.Object {
	out := &metav1.PartialObjectMetadata{}
	out.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: "v1", Kind: name})
	return out
}

// kinds are the kinds of package discover that are read from a cluster.
var kinds = func() []kind {
	var out []kind
	for _, k := range discover.Kinds() {
		if k.Served != nil {
			watched := kind{Kind: k}
			if k.Types != nil {
				watched.typed = k.Types.Object()
			}
			out = append(out, watched)
		}
	}
	return out
}()

// kinds returns the watched kinds, with the mesh configurations of all named revisions of
// Istio.
func (o *Options) kinds() []kind {
	out := slices.DeleteFunc(slices.Clone(kinds), func(k kind) bool {
		return k.Optional && !o.GatewayPolicies && (k.Name != v1alpha1.KindOverrideGrant || !o.Grants.Enabled)
	})
	if o.GatewayPolicies {
		out = append(out, entryKinds...)
	}
	if o.Grants.Enabled {
		out = append(out, grantKinds...)
	}
	for _, k := range kinds {
		if k.Name != "ConfigMap" {
			continue
		}
		for _, revision := range o.Revisions {
			other := k
			other.Fields = "metadata.name=" + discover.MeshConfigMap(revision)
			if !slices.ContainsFunc(out, func(k kind) bool { return k.key() == other.key() }) {
				out = append(out, other)
			}
		}
	}
	return out
}

// optional reports whether the operator can work without the permission to list a kind.
// Without a kind that is not optional it never becomes ready. Namespaces are needed for
// their labels, unless the managed ones are named.
func (o *Options) optional(k *kind) bool {
	if k.Name == "Namespace" {
		return len(o.Namespaces) > 0
	}
	return !k.Needed
}

const istioGroup = "networking.istio.io"

// item is the part of an object that can affect the output.
type item struct {
	discover.Object
	// version is the resource version. If byVersion is set, two states are compared by it.
	version   string
	byVersion bool
	// diags are the diagnostics about the object as a document.
	diags []diag.Diagnostic
	// seen is set for objects of Overrides.
	seen *apply.Seen
	// gated is set for pods with a shut readiness gate, proxied for ready pods with an Istio
	// proxy. The latter affects no route.
	gated, proxied bool
}

// GetObjectMeta returns the metadata that informers need. They need the resource version,
// because they may drop an update with an unchanged one as a resync.
func (x *item) GetObjectMeta() metav1.Object {
	return &metav1.ObjectMeta{Namespace: x.GetNamespace(), Name: x.GetName(), UID: x.GetUID(), ResourceVersion: x.version}
}

// transform reduces an object to the part that is kept. Informers call it, so that the rest
// is never stored.
func (k *kind) transform(in any) (any, error) {
	switch x := in.(type) {
	case *item:
		return x, nil
	case *unstructured.Unstructured:
		return readItem(x)
	case metav1.Object:
		return trim(x), nil
	}
	return in, nil
}

// trim keeps the part of an object that affects routes. If two states are equal after it, no
// reconciliation is needed.
func trim(object metav1.Object) *item {
	out := &item{version: object.GetResourceVersion()}
	if pod, ok := object.(*corev1.Pod); ok {
		// An open gate is treated like no gate.
		out.gated = gate.Waits(pod) && pod.DeletionTimestamp == nil
		out.proxied = hasProxy(pod)
	}
	object.SetResourceVersion("")
	object.SetGeneration(0)
	if _, isNamespace := object.(*corev1.Namespace); isNamespace {
		annotations := maps.Clone(object.GetAnnotations())
		maps.DeleteFunc(annotations, func(key, _ string) bool { return key != discover.GatewayPoliciesAnnotation })
		object.SetAnnotations(annotations)
	}
	out.Object = orName(object, discover.Trim(object))
	return out
}

// orName returns the kept part of an object, or, if nothing is kept, its name, which the
// informers need.
func orName(object metav1.Object, kept discover.Object) discover.Object {
	if kept == nil {
		return &discover.Meta{Namespace: object.GetNamespace(), Name: object.GetName(), UID: object.GetUID()}
	}
	return intern(kept)
}

// entryKinds are the kinds of objects that are written for policies of gateways, and not read
// besides.
var entryKinds = []kind{
	{Kind: discover.Kind{
		Group: istioGroup, Name: "EnvoyFilter", Plural: "envoyfilters", Served: []string{"v1alpha3"}, Labels: istio.ManagedByLabel + "=" + istio.ManagedBy,
		Without: "policies of gateways are not in force",
	}},
}

// isEntryOnly reports whether objects of a kind decide no route, only what policies of
// gateways mean, or which grants are accepted.
func isEntryOnly(name string) bool {
	return name == "RequestAuthentication" || name == v1alpha1.KindOverrideGrantPolicy || slices.Contains(edge.Kinds, name)
}

// readItem reads an object in the same way as a manifest.
func readItem(u *unstructured.Unstructured) (*item, error) {
	out := &item{Object: orName(u, nil), version: u.GetResourceVersion(), byVersion: true}
	if apply.IsWritten(u.GroupVersionKind().GroupKind()) && apply.IsOurs(u) {
		seen, err := apply.Read(u)
		out.seen = seen
		return out, err
	}
	if u.GroupVersionKind().GroupKind() == grantKinds[0].groupKind() {
		policy, err := readGrantPolicy(u)
		out.Object = policy
		return out, err
	}
	text, err := u.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode %s %s/%s: %w", u.GetKind(), u.GetNamespace(), u.GetName(), err)
	}
	read := discover.Parse(text, u.GetNamespace(), diag.Origin{})
	out.diags, out.Object = read.Diagnostics, orName(u, read.Only())
	switch out.Object.(type) {
	case *discover.Workload, *discover.Canary, *discover.Route, *discover.GatewayPart, *discover.Unread:
		out.byVersion = false // their status changes often and does not matter
	}
	return out, nil
}
