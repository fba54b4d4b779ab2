package discover

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
)

// Parsed is the objects of one document, for [Objects.Add].
type Parsed struct {
	Origin      diag.Origin
	Diagnostics []diag.Diagnostic
	// PassedOver counts objects of kinds that decide no route.
	PassedOver int

	objects []parsedObject
}

type parsedObject struct {
	name   diag.Object
	object Object
	// document is the object as it was read; nil unless it is kept.
	document []byte
}

// Only returns the first object that was parsed, nil if there is none.
func (p *Parsed) Only() Object {
	if len(p.objects) == 0 {
		return nil
	}
	return p.objects[0].object
}

// Decode adds the objects of one document of a manifest: [Parse] and [Objects.Add].
func (o *Objects) Decode(doc []byte, defaultNamespace string, origin diag.Origin) []diag.Diagnostic {
	return o.Add(Parse(doc, defaultNamespace, origin))
}

// Parse reads one JSON object: a Kubernetes object or a list of them, of any kinds.
// Objects of kinds that decide no route are counted, and searched for pod templates.
// Objects without a namespace are in defaultNamespace.
//
//	the document is                           it gives
//	null                                      nothing
//	no object, or has no apiVersion or kind   NotAnObject
//	a List, or the list of a wanted kind      each item, like a document of its own
//	of a wanted kind, but does not fit it     UndecodableObject, and no object; a VirtualService
//	                                          or DestinationRule keeps its hosts and exportTo
//	of a kind or apiVersion that is misspelt  UndecodableObject, and no object
//	of another kind, with a pod template      an [Unread]
//	of another kind that is called Service    OtherKindOfService besides
//	of another kind                           a count
func Parse(doc []byte, defaultNamespace string, origin diag.Origin) Parsed {
	p := parser{namespace: defaultNamespace, parsed: Parsed{Origin: origin}}
	p.parse(doc, position{})
	return p.parsed
}

// ParseWhole is [Parse] for a caller that copies objects: it keeps the documents of Services
// and workloads, for [Objects.Documents].
func ParseWhole(doc []byte, defaultNamespace string, origin diag.Origin) Parsed {
	p := parser{namespace: defaultNamespace, parsed: Parsed{Origin: origin}, whole: true}
	p.parse(doc, position{})
	return p.parsed
}

// add adds a trimmed object, or counts one that decides nothing.
func (p *Parsed) add(name diag.Object, object Object) {
	if object == nil {
		p.PassedOver++
		return
	}
	p.objects = append(p.objects, parsedObject{name: name, object: object})
}

// Wanted reports whether an object of a kind can decide a route; text is its
// document, in YAML or JSON. [Parse] only counts all other objects, and needs no more of
// them than the type.
func Wanted(apiVersion, kind string, text []byte) bool {
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	if isConfigMap(gvk) {
		return mayConfigureMesh(text)
	}
	if isOtherService(gvk) {
		return true
	}
	if near, _ := meantKind(gvk.Group, kind, apiVersion); near != nil {
		return true
	}
	gvk.Kind = strings.TrimSuffix(kind, "List")
	return kind == "List" || wantedKinds[gvk.GroupKind()] != nil || mayMakePods(gvk.Group, text)
}

func isConfigMap(gvk schema.GroupVersionKind) bool { return gvk.Group == "" && gvk.Kind == "ConfigMap" }

// isOtherService reports whether a kind is called Service, as Knative's is, and is not that
// of Kubernetes.
func isOtherService(gvk schema.GroupVersionKind) bool {
	return gvk.Group != "" && gvk.Kind == "Service"
}

// maxDepth bounds lists of lists: each level is parsed once more.
const maxDepth = 8

// position is the place of an object in a document: the path of a list's item
// and the type that the list gives it.
type position struct {
	path             string
	depth            int
	apiVersion, kind string
}

type parser struct {
	namespace string
	parsed    Parsed
	// whole is set if the documents of Services and workloads are kept.
	whole bool
}

// head is the fields that are read of every object. They may have any type, since the
// object may not be a Kubernetes object at all.
type head struct {
	APIVersion any `json:"apiVersion"`
	Kind       any `json:"kind"`
	Metadata   any `json:"metadata"`
}

// name returns as much of the object's name as is known.
func (h *head) name(kind *Kind, defaultNamespace string) diag.Object {
	name := diag.Object{}
	name.Kind, _ = h.Kind.(string)
	metadata, _ := h.Metadata.(map[string]any)
	name.Name, _ = metadata["name"].(string)
	// A namespace without a name identifies nothing.
	if kind.Scope != Unscoped && name.Name != "" {
		name.Namespace, _ = metadata["namespace"].(string)
		if name.Namespace == "" {
			name.Namespace = defaultNamespace
		}
	}
	return name
}

func (p *parser) report(code diag.Code, object diag.Object, at position, format string, args ...any) {
	message := fmt.Sprintf(format, args...)
	if at.path != "" {
		message = at.path + ": " + message
	}
	p.parsed.Diagnostics = append(p.parsed.Diagnostics, diag.New(code, object, "%s", message).At(p.parsed.Origin))
}

func (p *parser) parse(doc []byte, at position) {
	doc = bytes.TrimSpace(doc)
	if len(doc) == 0 || string(doc) == "null" {
		return
	}
	if doc[0] != '{' {
		p.report(diag.NotAnObject, diag.Object{}, at, "it is %s, not an object", describe(doc))
		if doc[0] == '[' {
			last := &p.parsed.Diagnostics[len(p.parsed.Diagnostics)-1]
			*last = last.WithFix("write the objects as the items of a List (apiVersion: v1, kind: List, items: […]), or as documents of their own")
		}
		return
	}
	if p.parseAtOnce(doc, at) {
		return
	}
	var h head
	if err := kjson.UnmarshalCaseSensitivePreserveInts(doc, &h); err != nil {
		p.report(diag.BrokenDocument, diag.Object{}, at, "%s", jsonMessage(err))
		return
	}
	apiVersion, kind := textOr(h.APIVersion, at.apiVersion), textOr(h.Kind, at.kind)
	if apiVersion == "" || kind == "" {
		p.report(diag.NotAnObject, diag.Object{}, at, "%s", missing(&h, apiVersion))
		return
	}
	h.Kind = kind
	gvk := schema.FromAPIVersionAndKind(apiVersion, kind)
	wanted := wantedKinds[gvk.GroupKind()]
	if wanted == nil && p.isMisspelt(&h, gvk, at) {
		return
	}
	if isOtherService(gvk) {
		name := h.name(&Kind{}, p.namespace)
		name.Kind = gvk.Kind + "." + gvk.Group
		p.report(diag.OtherKindOfService, name, at, "it is a Service of %s, not of Kubernetes itself, and is ignored", gvk.Group)
	}
	switch item, isList := p.itemType(gvk); {
	case isConfigMap(gvk) && (!mayConfigureMesh(doc) || !isMeshConfig(h.name(wanted, p.namespace).Name)):
		p.parsed.PassedOver++
	case wanted != nil && !slices.Contains(wanted.Versions, gvk.Version):
		p.report(diag.UndecodableObject, h.name(wanted, p.namespace), at, "apiVersion %s is not supported: use %s",
			apiVersion, schema.GroupVersion{Group: gvk.Group, Version: wanted.Versions[0]})
	case wanted != nil:
		p.parseObject(doc, &h, wanted, at)
	case isList:
		p.parseList(doc, &h, at, item)
	case !p.parseUnread(doc, &h, gvk):
		p.parsed.PassedOver++
	}
}

// isMisspelt reports an object whose kind or apiVersion is most likely misspelt.
func (p *parser) isMisspelt(h *head, gvk schema.GroupVersionKind, at position) bool {
	near, why := meantKind(gvk.Group, gvk.Kind, gvk.GroupVersion().String())
	if near == nil {
		return false
	}
	name := h.name(near, p.namespace)
	name.Kind = near.Name
	p.report(diag.UndecodableObject, name, at, "%s", why)
	return true
}

// parseAtOnce parses doc in one pass, and reports whether it could: doc begins with its type,
// is of a wanted kind, and has no faults. Other documents are decoded several times, for their
// type and for each report.
func (p *parser) parseAtOnce(doc []byte, at position) bool {
	apiVersion, kindName := typeOf(doc)
	gvk := schema.FromAPIVersionAndKind(apiVersion, kindName)
	kind := wantedKinds[gvk.GroupKind()]
	if kind == nil || isConfigMap(gvk) || !slices.Contains(kind.Versions, gvk.Version) {
		return false
	}
	object, err := kind.decoder()(doc)
	if err != nil || object.GetName() == "" {
		return false
	}
	name := diag.Object{Kind: kind.ObjectKind(), Name: object.GetName()}
	if kind.Scope != Unscoped {
		name.Namespace = cmp.Or(object.GetNamespace(), p.namespace)
	}
	p.keep(object, name, doc, at)
	return true
}

// typeOf returns the type of a JSON object that begins with it; it is empty for others.
func typeOf(doc []byte) (apiVersion, kind string) {
	rest, ok := bytes.CutPrefix(doc, []byte(`{"apiVersion":"`))
	version, rest, found := bytes.Cut(rest, []byte(`","kind":"`))
	name, _, ends := bytes.Cut(rest, []byte(`"`))
	if !ok || !found || !ends || bytes.ContainsAny(version, `"\\`) || bytes.ContainsAny(name, `\`) {
		return "", ""
	}
	return string(version), string(name)
}

// itemType reports whether a kind is a list whose items may be wanted, and
// which type the list gives to items that don't say theirs.
func (p *parser) itemType(gvk schema.GroupVersionKind) (position, bool) {
	kind, isList := strings.CutSuffix(gvk.Kind, "List")
	switch {
	case !isList:
		return position{}, false
	case kind == "":
		return position{}, gvk.Group == "" || gvk.Group == "meta.k8s.io"
	case wantedKinds[schema.GroupKind{Group: gvk.Group, Kind: kind}] == nil:
		return position{}, false
	}
	return position{apiVersion: gvk.GroupVersion().String(), kind: kind}, true
}

func (p *parser) parseList(doc []byte, h *head, at, item position) {
	name := diag.Object{Kind: h.Kind.(string)} //nolint:forcetypeassert // set by parse
	if at.depth == maxDepth {
		p.report(diag.UndecodableObject, name, at, "lists are nested more than %d deep", maxDepth)
		return
	}
	var list struct {
		Items []json.RawMessage `json:"items"`
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(doc, &list); err != nil {
		p.report(diag.UndecodableObject, name, at, "items: is not a list")
		return
	}
	for i, raw := range list.Items {
		item.path = joinPath(at.path, fmt.Sprintf("items[%d]", i))
		item.depth = at.depth + 1
		p.parse(raw, item)
	}
}

func (p *parser) parseObject(doc []byte, h *head, kind *Kind, at position) {
	name := h.name(kind, p.namespace)
	name.Kind = kind.ObjectKind()
	object, err := kind.decoder()(doc)
	if unknown, ok := errors.AsType[*unknownFields](err); ok {
		misspelt, others := unknown.explain(at.path)
		if len(misspelt) > 0 {
			p.report(diag.UndecodableObject, name, position{}, "%s", strings.Join(misspelt, "; "))
			return
		}
		if len(others) > 0 {
			p.report(diag.UnknownField, name, position{}, "%s", strings.Join(others, "; "))
		}
		err = nil
	}
	if err != nil {
		p.report(diag.UndecodableObject, name, position{}, "%s", explain(doc, kind.decoder(), err, at.path))
		if object = outline(name.Kind, doc); object == nil {
			return
		}
	}
	switch {
	case object.GetName() != "":
	case object.GetGenerateName() != "":
		p.report(diag.UndecodableObject, name, at, "metadata.name is missing, and metadata.generateName names no object yet")
		return
	default:
		p.report(diag.UndecodableObject, name, at, "metadata.name is missing")
		return
	}
	p.keep(object, name, doc, at)
}

// keep adds an object, which was read from doc, and reports what is unknown in it.
func (p *parser) keep(object metav1.Object, name diag.Object, doc []byte, at position) {
	object.SetNamespace(name.Namespace)
	switch x := object.(type) {
	case *gatewayRoute:
		x.Kind = name.Kind
	case *httpRoute:
		x.Kind = name.Kind
	case *Sidecar:
		p.reportUnknown(name, at, x.Unknown, "spec.ingress", "spec.inboundConnectionPool", "spec.outboundTrafficPolicy")
	case *ServiceEntry:
		p.reportUnknown(name, at, x.Unknown)
	}
	trimmed := Trim(object)
	p.parsed.add(name, trimmed)
	switch trimmed.(type) {
	case *corev1.Service, *Workload:
		if p.whole {
			p.parsed.objects[len(p.parsed.objects)-1].document = bytes.Clone(doc)
		}
	}
}

// reportUnknown reports unknown fields, except those below the paths of but, which don't
// matter.
func (p *parser) reportUnknown(object diag.Object, at position, unknown []string, but ...string) {
	unknown = slices.DeleteFunc(slices.Clone(unknown), func(path string) bool {
		return slices.ContainsFunc(but, func(b string) bool { return strings.HasPrefix(path, b) })
	})
	if len(unknown) > 0 {
		p.report(diag.UnknownField, object, at, "there is no field %s", strings.Join(unknown, ", "))
	}
}

// decodeAs decodes a T as the API server does: keys are case-sensitive, and a
// key given twice, which would silently lose one value, is an error.
func decodeAs[T any, P interface {
	*T
	metav1.Object
}](doc []byte) (metav1.Object, error) {
	object := P(new(T))
	return object, strictly(doc, object, kjson.DisallowDuplicateFields)
}

// decodePolicy also refuses unknown fields: a condition that is misspelt, or newer than
// this program, must not read as no condition.
func decodePolicy(doc []byte) (metav1.Object, error) {
	object := &v1alpha1.OverridePolicy{}
	return object, strictly(doc, object, kjson.DisallowDuplicateFields, kjson.DisallowUnknownFields)
}

// strictly decodes doc into object. Strict findings come back as a [strictError].
func strictly(doc []byte, object any, options ...kjson.StrictOption) error {
	findings, err := kjson.UnmarshalStrict(doc, object, options...)
	if err != nil {
		return err
	}
	if len(findings) > 0 {
		return strictError{findings, reflect.TypeOf(object).Elem()}
	}
	return nil
}

// strictError says which fields are unknown or given twice; each finding names its path.
type strictError struct {
	findings []error
	// decoded is the type that was decoded into.
	decoded reflect.Type
}

func (e strictError) Error() string { return errors.Join(e.findings...).Error() }
