package discover

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// Types are the Go types of a kind that every cluster has.
type Types struct {
	// Object returns an empty object, List an empty list; List is nil for a kind that a
	// cluster lists as JSON.
	Object func() TypedObject
	List   func() TypedList

	parse func(kind string, list TypedList) Parsed
}

// TypedObject is an object of a Go type of Kubernetes.
type TypedObject interface {
	metav1.Object
	runtime.Object
}

// TypedList is a list of a Go type of Kubernetes.
type TypedList interface {
	metav1.ListInterface
	runtime.Object
}

// goTypes returns the types of a kind, given the field of the list that has its objects.
func goTypes[T, L any, P interface {
	*T
	TypedObject
}, Q interface {
	*L
	TypedList
}](items func(*L) []T) *Types {
	return &Types{
		Object: func() TypedObject { return P(new(T)) },
		List:   func() TypedList { return Q(new(L)) },
		parse: func(kind string, list TypedList) Parsed {
			all := items(any(list).(*L)) //nolint:forcetypeassert // List made it
			parsed := Parsed{objects: make([]parsedObject, 0, len(all))}
			for i := range all {
				object := P(&all[i])
				parsed.add(diag.Object{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}, Trim(object))
			}
			return parsed
		},
	}
}

// metadataOnly is the type of a kind of which only labels are read.
func metadataOnly(gvk schema.GroupVersionKind) *Types {
	return &Types{Object: func() TypedObject {
		out := &metav1.PartialObjectMetadata{}
		out.SetGroupVersionKind(gvk)
		return out
	}}
}

// decode reads an object as the API server does: see [strictly] and [tolerantly].
func (t *Types) decode(doc []byte) (metav1.Object, error) {
	object := t.Object()
	if t.List == nil {
		return object, strictly(doc, object, kjson.DisallowDuplicateFields)
	}
	return object, tolerantly(doc, object)
}

// ParseList is [Parse] for a list of [Types.List]. It trims each object.
func (k *Kind) ParseList(list TypedList) Parsed { return k.Types.parse(k.Name, list) }
