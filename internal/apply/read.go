package apply

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	istioapi "istio.io/api/networking/v1alpha3"
	securityapi "istio.io/api/security/v1beta1"
	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// Manager is the field manager of all writes.
const Manager = "overrides"

// Seen is an object of Overrides as last observed in the cluster.
type Seen struct {
	plan.Observed
	UID             types.UID
	ResourceVersion string
	// Written is when [Manager] last applied it, by the API server's clock; zero if
	// that is not known.
	Written time.Time
	// NotOurs says why it does not belong to Overrides alone, although it has the label;
	// see [NotOurs].
	NotOurs string
	// Instance is the installation in its annotation; empty for none. It is not part of
	// Managed.
	Instance string
	// Says is its record about the Service it was made for; nil for none.
	Says *discover.Written
}

// IsOurs reports whether Overrides made an object.
func IsOurs(object metav1.Object) bool {
	return object.GetLabels()[istio.ManagedByLabel] == istio.ManagedBy
}

// NotOurs says why Overrides may not delete an object, "" if it may. Objects printed by
// generate have the label, and belong to whoever has applied them. Somebody who has only
// changed fields of an object of Overrides has not made it.
func NotOurs(u *unstructured.Unstructured) string {
	if !IsOurs(u) {
		return "it is not labelled " + istio.ManagedByLabel + "=" + istio.ManagedBy
	}
	for _, entry := range u.GetManagedFields() {
		byUs := entry.Manager == Manager && entry.Operation == metav1.ManagedFieldsOperationApply
		if !byUs && entry.FieldsV1 != nil && strings.Contains(string(entry.FieldsV1.GetRawBytes()), `"f:`+istio.ManagedByLabel+`"`) {
			return entry.Manager + " has applied it, with its label"
		}
	}
	if applied(u) == nil {
		return "the operator has not applied it"
	}
	return ""
}

// Read reads an object of Overrides. Proxies see the whole object; Managed are the fields
// that [Manager] has applied and nobody has taken over since.
func Read(u *unstructured.Unstructured) (*Seen, error) {
	out := &Seen{UID: u.GetUID(), ResourceVersion: u.GetResourceVersion(), NotOurs: NotOurs(u), Instance: u.GetAnnotations()[istio.InstanceAnnotation]}
	out.Object = diag.Object{Kind: u.GetKind(), Namespace: u.GetNamespace(), Name: u.GetName()}
	entry := applied(u)
	if entry != nil && entry.Time != nil {
		out.Written = entry.Time.Time
	}
	owned, err := ownedPart(u, entry)
	if err != nil {
		return nil, fmt.Errorf("read managed fields of %s: %w", out.Object, err)
	}
	if out.Kind == istio.HTTPRouteKind {
		return out, out.readHTTPRoute(u, owned)
	}
	all := contents{spec: newSpec(out.Kind)}
	if all.spec == nil {
		return nil, fmt.Errorf("read %s: not a kind that is written", out.Object)
	}
	ours := contents{spec: newSpec(out.Kind)}
	if err := errors.Join(all.decode(u.Object), ours.decodeOwned(owned, u.Object, all.spec)); err != nil {
		return nil, fmt.Errorf("decode %s: %w", out.Object, err)
	}
	switch spec := all.spec.(type) {
	case *istioapi.VirtualService:
		out.Routes, out.Says = istio.ReadRoutes(spec), discover.WrittenOf(out.Kind, &all.meta, spec.GetHosts()...)
	case *istioapi.DestinationRule:
		out.Subsets, out.Says = istio.ReadSubsets(spec), discover.WrittenOf(out.Kind, &all.meta, spec.GetHost())
	}
	return out, out.setOurs(&ours.meta, ours.spec)
}

// readHTTPRoute reads an HTTPRoute: its rows are named by an annotation.
func (s *Seen) readHTTPRoute(u *unstructured.Unstructured, owned map[string]any) error {
	s.Routes = istio.ReadHTTPRoute(u.GetAnnotations()[istio.RowsAnnotation])
	var ours contents
	if err := ours.decodeMeta(owned); err != nil {
		return fmt.Errorf("decode %s: %w", s.Object, err)
	}
	s.cleanMeta(&ours.meta)
	spec, _ := owned["spec"].(map[string]any)
	canonical, err := istio.CanonicalHTTPRoute(&ours.meta, spec)
	s.Managed = canonical.JSON
	return err
}

// newSpec returns an empty specification of a kind that is written; nil for others.
func newSpec(kind string) proto.Message {
	switch kind {
	case "VirtualService":
		return &istioapi.VirtualService{}
	case "DestinationRule":
		return &istioapi.DestinationRule{}
	case "EnvoyFilter":
		return &istioapi.EnvoyFilter{}
	case "AuthorizationPolicy":
		return &securityapi.AuthorizationPolicy{}
	}
	return nil
}

// IsWritten reports whether objects of a kind are written.
func IsWritten(kind schema.GroupKind) bool {
	return (newSpec(kind.Kind) != nil || kind.Kind == istio.HTTPRouteKind) && Resources[kind.Kind].Group == kind.Group
}

// Observe reads an object as proxies would see it after it is written, for plans.
func Observe(object *istio.Object) (plan.Observed, error) {
	out := plan.Observed{Object: object.Object, Managed: object.JSON}
	var err error
	switch object.Kind {
	case "VirtualService":
		var v istionetv1.VirtualService
		err = json.Unmarshal(object.JSON, &v)
		out.Routes = istio.ReadRoutes(&v.Spec)
	case istio.HTTPRouteKind:
		var meta metav1.PartialObjectMetadata
		err = json.Unmarshal(object.JSON, &meta)
		out.Routes = istio.ReadHTTPRoute(meta.Annotations[istio.RowsAnnotation])
	case "DestinationRule":
		var d istionetv1.DestinationRule
		err = json.Unmarshal(object.JSON, &d)
		out.Subsets = istio.ReadSubsets(&d.Spec)
	}
	if err != nil {
		return out, fmt.Errorf("decode %s: %w", object.Object, err)
	}
	return out, nil
}

// cleanMeta leaves what a plan writes of the metadata.
func (s *Seen) cleanMeta(meta *metav1.ObjectMeta) {
	meta.Namespace, meta.Name = s.Namespace, s.Name
	delete(meta.Annotations, istio.InstanceAnnotation)
	if len(meta.Annotations) == 0 {
		meta.Annotations = nil
	}
}

func (s *Seen) setOurs(meta *metav1.ObjectMeta, spec proto.Message) error {
	s.cleanMeta(meta)
	canonical, err := istio.Canonical(meta, s.Kind, spec)
	s.Managed = canonical.JSON
	return err
}

// contents are the metadata and the specification of an object.
type contents struct {
	meta metav1.ObjectMeta
	spec proto.Message
}

// decode decodes an object. It ignores unknown fields.
func (c *contents) decode(object map[string]any) error {
	if err := c.decodeMeta(object); err != nil || object["spec"] == nil {
		return err
	}
	text, err := json.Marshal(object["spec"])
	if err != nil {
		return err
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(text, c.spec)
}

func (c *contents) decodeMeta(object map[string]any) error {
	text, err := json.Marshal(object["metadata"])
	if err != nil {
		return err
	}
	return json.Unmarshal(text, &c.meta)
}

// decodeOwned decodes the part of an object that [Manager] owns. Mostly its specification
// is the whole one, which is not decoded twice.
func (c *contents) decodeOwned(owned, object map[string]any, whole proto.Message) error {
	if !reflect.DeepEqual(object["spec"], owned["spec"]) {
		return c.decode(owned)
	}
	c.spec = whole
	return c.decodeMeta(owned)
}

// applied returns the managed fields entry of [Manager] for applying an object.
func applied(u *unstructured.Unstructured) *metav1.ManagedFieldsEntry {
	fields := u.GetManagedFields()
	i := slices.IndexFunc(fields, func(e metav1.ManagedFieldsEntry) bool {
		return e.Manager == Manager && e.Operation == metav1.ManagedFieldsOperationApply && e.Subresource == ""
	})
	if i < 0 {
		return nil
	}
	return &fields[i]
}

// ownedPart returns the part of an object that [Manager] has applied.
func ownedPart(u *unstructured.Unstructured, entry *metav1.ManagedFieldsEntry) (map[string]any, error) {
	if entry == nil || entry.FieldsV1 == nil {
		return nil, nil
	}
	var fields map[string]any
	if err := json.Unmarshal(entry.FieldsV1.GetRawBytes(), &fields); err != nil {
		return nil, err
	}
	part, _ := owned(u.Object, fields).(map[string]any)
	return part, nil
}

// owned returns the part of value in a set of fields. In FieldsV1 "f:NAME" is a field and
// "." the value itself; a set without fields, and one for items of a list, mean the whole
// value, which is correct for all lists that are written here.
func owned(value any, fields map[string]any) any {
	object, isObject := value.(map[string]any)
	if !isObject || !hasFields(fields) {
		return value
	}
	out := map[string]any{}
	for key, inner := range fields {
		name, isField := strings.CutPrefix(key, "f:")
		part, there := object[name]
		if within, ok := inner.(map[string]any); isField && there && ok {
			out[name] = owned(part, within)
		}
	}
	return out
}

func hasFields(fields map[string]any) bool {
	for key := range fields {
		if strings.HasPrefix(key, "f:") {
			return true
		}
	}
	return false
}
