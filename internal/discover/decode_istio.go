package discover

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/protobuf/reflect/protoreflect"
	istioapi "istio.io/api/networking/v1alpha3"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	kjson "sigs.k8s.io/json"

	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	istiosecv1 "istio.io/client-go/pkg/apis/security/v1"
)

func decodeVirtualService(doc []byte) (metav1.Object, error) {
	object := &istionetv1.VirtualService{}
	unknown, err := decodeIstio(doc, object, object.Spec.ProtoReflect().Descriptor())
	return &VirtualService{VirtualService: object, Unknown: unknown}, err
}

func decodeDestinationRule(doc []byte) (metav1.Object, error) {
	object := &istionetv1.DestinationRule{}
	unknown, err := decodeIstio(doc, object, object.Spec.ProtoReflect().Descriptor())
	return &DestinationRule{DestinationRule: object, Unknown: unknown}, err
}

func decodeGateway(doc []byte) (metav1.Object, error) {
	object := &istionetv1.Gateway{}
	_, err := decodeIstio(doc, object, object.Spec.ProtoReflect().Descriptor())
	return object, err
}

func decodeTokenCheck(doc []byte) (metav1.Object, error) {
	object := &istiosecv1.RequestAuthentication{}
	_, err := decodeIstio(doc, object, object.Spec.ProtoReflect().Descriptor())
	return object, err
}

func decodeAuthorizer(doc []byte) (metav1.Object, error) {
	object := &istiosecv1.AuthorizationPolicy{}
	_, err := decodeIstio(doc, object, object.Spec.ProtoReflect().Descriptor())
	return object, err
}

func decodeSidecar(doc []byte) (metav1.Object, error) {
	object := &istionetv1.Sidecar{}
	unknown, err := decodeIstio(doc, object, object.Spec.ProtoReflect().Descriptor())
	return &Sidecar{Sidecar: object, Unknown: unknown}, err
}

func decodeServiceEntry(doc []byte) (metav1.Object, error) {
	object := &istionetv1.ServiceEntry{}
	unknown, err := decodeIstio(doc, object, object.Spec.ProtoReflect().Descriptor())
	return &ServiceEntry{ServiceEntry: object, Unknown: unknown}, err
}

// decodeIstio decodes doc into object and lists the fields that spec does not know. Istio's
// types silently drop unknown fields, and refuse an object for one enumeration value that
// is newer than they are. The first would lose a part of the user's object, the second all
// of it. So decodeIstio removes both before decoding, and names them.
func decodeIstio(doc []byte, object any, spec protoreflect.MessageDescriptor) ([]string, error) {
	var tree map[string]any
	if err := strictly(doc, &tree, kjson.DisallowDuplicateFields); err != nil {
		return nil, err
	}
	var s sieve
	for _, key := range slices.Sorted(maps.Keys(tree)) {
		switch key {
		case "apiVersion", "kind", "metadata", "status":
		case "spec":
			s.message(tree[key], spec, key)
		default:
			s.unknown = append(s.unknown, keyPath("", key))
		}
	}
	if len(s.conflicts) > 0 {
		return nil, strictError{findings: s.conflicts}
	}
	// The status is Istio's, and does not matter here.
	if _, ok := tree["status"]; ok || s.nulls || len(s.unknown) > 0 {
		delete(tree, "status")
		known, err := json.Marshal(tree)
		if err != nil {
			return nil, fmt.Errorf("encode known fields: %w", err)
		}
		doc = known
	}
	return s.unknown, kjson.UnmarshalCaseSensitivePreserveInts(doc, object)
}

// outline returns the hosts and the exportTo of a VirtualService or DestinationRule that
// could not be decoded, so that nothing is written as if the object did not exist. It
// returns nil if these can't be decoded either.
func outline(kind string, doc []byte) metav1.Object {
	var said struct {
		Metadata struct {
			Name              string            `json:"name"`
			CreationTimestamp metav1.Time       `json:"creationTimestamp"`
			Labels            map[string]string `json:"labels"`
		} `json:"metadata"`
		Spec struct {
			Host     string   `json:"host"`
			Hosts    []string `json:"hosts"`
			Gateways []string `json:"gateways"`
			ExportTo []string `json:"exportTo"`
		} `json:"spec"`
	}
	if kind != "VirtualService" && kind != "DestinationRule" {
		return nil
	}
	if err := kjson.UnmarshalCaseSensitivePreserveInts(doc, &said); err != nil || said.Metadata.Name == "" {
		return nil
	}
	meta := metav1.ObjectMeta{Name: said.Metadata.Name, CreationTimestamp: said.Metadata.CreationTimestamp, Labels: said.Metadata.Labels}
	unknown := []string{"spec (it can't be decoded)"}
	if kind == "VirtualService" {
		return &VirtualService{Unknown: unknown, VirtualService: &istionetv1.VirtualService{
			ObjectMeta: meta, Spec: istioapi.VirtualService{Hosts: said.Spec.Hosts, Gateways: said.Spec.Gateways, ExportTo: said.Spec.ExportTo},
		}}
	}
	return &DestinationRule{Unknown: unknown, DestinationRule: &istionetv1.DestinationRule{
		ObjectMeta: meta, Spec: istioapi.DestinationRule{Host: said.Spec.Host, ExportTo: said.Spec.ExportTo},
	}}
}

// sieve removes unknown fields and values from JSON values of messages.
type sieve struct {
	// unknown are the paths of what it removed.
	unknown []string
	// conflicts are fields of which only one may be given; the decoder would
	// take the last.
	conflicts []error
	// nulls is set if a value of a map was null and is removed. An API server removes
	// such values, while Istio's types read them as empty ones: a matcher that is null
	// would ask for presence.
	nulls bool
}

// message sifts a JSON value of a message's type. Values of the wrong type
// stay, for the decoder to complain about.
func (s *sieve) message(value any, message protoreflect.MessageDescriptor, path string) {
	object, ok := value.(map[string]any)
	if !ok || message.FullName().Parent() == "google.protobuf" {
		return
	}
	chosen := map[protoreflect.Name]string{}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		field := message.Fields().ByJSONName(key)
		if field == nil {
			field = message.Fields().ByTextName(key)
		}
		at := keyPath(path, key)
		if field == nil || isUnknownValue(object[key], field) {
			s.unknown = append(s.unknown, at)
			delete(object, key)
			continue
		}
		if of := field.ContainingOneof(); of != nil && object[key] != nil {
			if other := chosen[of.Name()]; other != "" {
				s.conflicts = append(s.conflicts, fmt.Errorf("%s: only one of %s and %s may be given", path, other, key))
			}
			chosen[of.Name()] = key
		}
		s.field(object[key], field, at)
	}
}

// field sifts the values of a field: one, a list or a map.
func (s *sieve) field(value any, field protoreflect.FieldDescriptor, path string) {
	switch {
	case field.IsMap():
		values, _ := value.(map[string]any)
		for _, key := range slices.Sorted(maps.Keys(values)) {
			if values[key] == nil {
				delete(values, key)
				s.nulls = true
				continue
			}
			if element := field.MapValue().Message(); element != nil {
				s.message(values[key], element, keyPath(path, key))
			}
		}
	case field.IsList():
		values, _ := value.([]any)
		for i := range values {
			if values[i] == nil {
				s.conflicts = append(s.conflicts, fmt.Errorf("%s[%d]: it is null", path, i))
			}
			if element := field.Message(); element != nil {
				s.message(values[i], element, fmt.Sprintf("%s[%d]", path, i))
			}
		}
	case field.Message() != nil:
		s.message(value, field.Message(), path)
	}
}

// isUnknownValue reports whether a field is an enumeration, or a list of them, and value
// has an unknown name.
func isUnknownValue(value any, field protoreflect.FieldDescriptor) bool {
	if field.Enum() == nil {
		return false
	}
	values, isList := value.([]any)
	if !isList {
		values = []any{value}
	}
	return slices.ContainsFunc(values, func(v any) bool {
		name, isName := v.(string)
		return isName && field.Enum().Values().ByName(protoreflect.Name(name)) == nil
	})
}
