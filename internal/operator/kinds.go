package operator

import (
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/gate"
)

// kind is a kind that is watched.
type kind struct {
	discover.Kind
	// typed is set for kinds that every cluster has.
	typed client.Object
}

// key tells the kinds apart that are watched: of ConfigMaps each by its name.
func (k *kind) key() string {
	if k.Scope == discover.Root {
		return k.Name + " " + k.Fields
	}
	return k.Name
}

// alone reports whether a kind is watched by a cache of its own: since it may come
// and go, or since a cache knows one selector for each kind.
func (k *kind) ownCache() bool { return k.typed == nil || k.Scope == discover.Root }

// everywhere reports whether objects of namespaces that are not managed matter.
func (k *kind) anyNamespace() bool { return k.Scope != discover.Near }

func (k *kind) groupKind() schema.GroupKind { return schema.GroupKind{Group: k.Group, Kind: k.Name} }

// object returns an object by which the cache knows the kind, in a version.
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
		panic(err) // a selector of the list of kinds is wrong
	}
	return value
}

// metadataOf returns an object by which the cache knows a kind of which only the
// metadata is read.
func metadataOf(group, name string) client.Object {
	out := &metav1.PartialObjectMetadata{}
	out.SetGroupVersionKind(schema.GroupVersionKind{Group: group, Version: "v1", Kind: name})
	return out
}

// kinds are those of package discover that a cluster is asked for.
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

// kinds are those that are watched, with the mesh configurations of all revisions
// of Istio that are named.
func (o *Options) kinds() []kind {
	out := slices.Clone(kinds)
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

// optional reports whether an operator does without a kind that it may not list; without
// one that is needed it is never ready.
// Namespaces say what is managed, where it is not named.
func (o *Options) optional(k *kind) bool {
	if k.Name == "Namespace" {
		return len(o.Namespaces) > 0
	}
	return !k.Needed
}

const istioGroup = "networking.istio.io"

// item is one object, as far as it decides anything.
type item struct {
	discover.Object
	// version is its resource version. Where byVersion is set, two states are told
	// apart by it.
	version   string
	byVersion bool
	// diags are about the object as a document.
	diags []diag.Diagnostic
	// seen is set for objects of ours.
	seen *apply.Seen
	// gated is set for pods whose readiness gate is shut, proxied for those that are
	// ready and have a proxy of Istio's. The second decides no route.
	gated, proxied bool
}

// GetObjectMeta is how the informers know the object. They need the resource version:
// to them an update without another one is a resync, which they may keep to
// themselves.
func (x *item) GetObjectMeta() metav1.Object {
	return &metav1.ObjectMeta{Namespace: x.GetNamespace(), Name: x.GetName(), UID: x.GetUID(), ResourceVersion: x.version}
}

// transform makes of an object what is kept of it. It is called by the informers,
// so that nothing else is ever in memory.
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

// keep leaves what decides a route. Two states of an object that are equal after
// it need no look at the cluster.
func trim(object metav1.Object) *item {
	out := &item{version: object.GetResourceVersion()}
	if pod, ok := object.(*corev1.Pod); ok {
		// A gate that is open is as none.
		out.gated = gate.Waits(pod) && pod.DeletionTimestamp == nil
		out.proxied = hasProxy(pod)
	}
	object.SetResourceVersion("")
	object.SetGeneration(0)
	if _, isNamespace := object.(*corev1.Namespace); isNamespace {
		object.SetAnnotations(nil)
	}
	out.Object = orName(object, discover.Trim(object))
	return out
}

// orMeta returns what is kept of an object, or, where that is nothing, its name, by
// which the informers know it.
func orName(object metav1.Object, kept discover.Object) discover.Object {
	if kept == nil {
		return &discover.Meta{Namespace: object.GetNamespace(), Name: object.GetName(), UID: object.GetUID()}
	}
	return intern(kept)
}

// written are the kinds that are written.
var writtenKinds = []string{"VirtualService", "DestinationRule"}

// readItem reads an object as manifests are read.
func readItem(u *unstructured.Unstructured) (*item, error) {
	out := &item{Object: orName(u, nil), version: u.GetResourceVersion(), byVersion: true}
	if u.GroupVersionKind().Group == istioGroup && slices.Contains(writtenKinds, u.GetKind()) && apply.IsOurs(u) {
		seen, err := apply.Read(u)
		out.seen = seen
		return out, err
	}
	text, err := u.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode %s %s/%s: %w", u.GetKind(), u.GetNamespace(), u.GetName(), err)
	}
	read := discover.Parse(text, u.GetNamespace(), diag.Origin{})
	out.diags, out.Object = read.Diagnostics, orName(u, read.Only())
	switch out.Object.(type) {
	case *discover.Workload, *discover.Canary, *discover.Route, *discover.Unread:
		out.byVersion = false // their status changes often, and does not matter
	}
	return out, nil
}
