package access

import (
	"fmt"

	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

const (
	filterKind = "EnvoyFilter"
	filterName = "tokens-overrides"
)

// Cost says what a change of a filter costs.
const Cost = "applying the EnvoyFilter for the first time, or changed, cuts calls made or received by pods of its namespace that are longer than Istio's drain time (45s by default), such as streams and WebSockets; applying it unchanged does nothing"

// Object names the filter of a namespace.
func Object(namespace string) diag.Object {
	return diag.Object{Kind: filterKind, Namespace: namespace, Name: filterName}
}

// Make makes the filters of all namespaces whose sidecars take overrides from tokens alone. An
// error is a bug.
func Make(snapshot *model.Snapshot) ([]encoded.Object, error) {
	var out []encoded.Object
	for i := range snapshot.TokenNamespaces {
		n := &snapshot.TokenNamespaces[i]
		object, err := filter(n, &snapshot.Options)
		if err != nil {
			return nil, fmt.Errorf("encode the filter of namespace %s: %w", n.Namespace, err)
		}
		out = append(out, object)
	}
	return out, nil
}

// sides are the calls that a namespace's pods make, and those that they receive. One EnvoyFilter
// is for both, since they have to be in force together: before rows follow tokens, and until no
// row does.
var sides = []istioapi.EnvoyFilter_PatchContext{istioapi.EnvoyFilter_SIDECAR_OUTBOUND, istioapi.EnvoyFilter_SIDECAR_INBOUND}

// filter makes the filter of a namespace.
func filter(n *model.TokenNamespace, options *model.Options) (encoded.Object, error) {
	request, err := requestOf(n.Access.Rule, options)
	if err != nil {
		return encoded.Object{}, err
	}
	spec := &istioapi.EnvoyFilter{}
	for _, side := range sides {
		patches, err := request.Patches(options.Header, side)
		if err != nil {
			return encoded.Object{}, err
		}
		older, err := olderPatch(options.Header, side)
		if err != nil {
			return encoded.Object{}, fmt.Errorf("encode the filter of older proxies: %w", err)
		}
		spec.ConfigPatches = append(append(spec.ConfigPatches, patches...), older)
	}
	meta := edge.NamespaceMeta(n.Namespace, filterName)
	return istio.Canonical(&meta, filterKind, spec)
}

// requestOf says what a filter does. Without a rule, it removes overrides and makes none.
func requestOf(rule *model.TokenRule, options *model.Options) (*edge.Request, error) {
	if rule == nil {
		return &edge.Request{Policy: edge.Strip}, nil
	}
	tokens, err := edge.TokensOf(rule, options)
	return &edge.Request{Policy: edge.Token, Tokens: tokens}, err
}

// FilterOf returns what the sidecars of a namespace do to the requests that are made there; nil
// for nothing.
func FilterOf(snapshot *model.Snapshot, namespace string) *edge.Filter {
	n := snapshot.TokenNamespaceOf(namespace)
	if n == nil {
		return nil
	}
	request, err := requestOf(n.Access.Rule, &snapshot.Options)
	if err != nil {
		return nil
	}
	return edge.NewFilter(request, snapshot.Options.Header)
}
