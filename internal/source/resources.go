package source

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// page makes a list request and returns what it found, with the token that
// asks for more.
type page func(ctx context.Context, request *rest.Request) (discover.Parsed, string, error)

// resources are the kinds that a cluster is asked for.
func resources() []discover.Kind {
	var out []discover.Kind
	for _, k := range discover.Kinds() {
		if k.Served != nil && k.Group != securityGroup {
			out = append(out, k)
		}
	}
	return out
}

// securityGroup is the group of kinds that only policies with a guard need.
const securityGroup = "security.istio.io"

// protobuf costs the API server and us about a third of what JSON does.
const protobuf = "application/vnd.kubernetes.protobuf,application/json"

// newScheme returns a scheme of the lists that are asked for by type, and of
// nothing else: the whole of Kubernetes' would cost each start of the program
// more than the rest of it.
func newScheme() *runtime.Scheme {
	scheme := runtime.NewScheme()
	metav1.AddToGroupVersion(scheme, schema.GroupVersion{Version: "v1"})
	for _, k := range resources() {
		if isTyped(&k) {
			scheme.AddKnownTypes(schema.GroupVersion{Group: k.Group, Version: k.Served[0]}, k.Types.List())
		}
	}
	return scheme
}

// isTyped reports whether a kind is listed by its Go type; all others are as JSON.
func isTyped(k *discover.Kind) bool { return k.Types != nil && k.Types.List != nil }

// typed lists a kind by its Go type.
func typed(kind *discover.Kind) page {
	return func(ctx context.Context, request *rest.Request) (discover.Parsed, string, error) {
		list := kind.Types.List()
		if err := request.SetHeader("Accept", protobuf).Do(ctx).Into(list); err != nil {
			return discover.Parsed{}, "", err
		}
		return kind.ParseList(list), list.GetContinue(), nil
	}
}

// untyped lists a kind as JSON, which is read as manifests are: what a newer
// version of the kind has is noticed.
func untyped(ctx context.Context, request *rest.Request) (discover.Parsed, string, error) {
	text, err := request.SetHeader("Accept", runtime.ContentTypeJSON).Do(ctx).Raw()
	if err != nil {
		return discover.Parsed{}, "", err
	}
	var list struct {
		Metadata metav1.ListMeta `json:"metadata"`
	}
	if err := json.Unmarshal(text, &list); err != nil {
		return discover.Parsed{}, "", fmt.Errorf("decode the answer: %w", err)
	}
	return discover.Parse(text, "", diag.Origin{}), list.Metadata.Continue, nil
}
