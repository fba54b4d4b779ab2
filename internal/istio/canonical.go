package istio

import (
	"fmt"

	"google.golang.org/protobuf/proto"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// Canonical encodes an object that was read back, or composed from parts of one, as
// [Objects] encodes those it makes: equal objects give equal bytes. Of the metadata it
// uses only names, labels and annotations.
func Canonical(meta *metav1.ObjectMeta, kind string, spec proto.Message) (Object, error) {
	object := diag.Object{Kind: kind, Namespace: meta.Namespace, Name: meta.Name}
	data, err := encode(meta, kind, spec)
	if err != nil {
		return Object{}, fmt.Errorf("encode %s: %w", object, err)
	}
	return Object{Object: object, JSON: data}, nil
}
