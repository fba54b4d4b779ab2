package carry

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	istioapi "istio.io/api/networking/v1alpha3"

	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

const (
	// scriptFilter is the name of the filter of requests.
	scriptFilter = "overrides.forward"
	// priority applies the filter after those of tokens, and so in front of them. Istio applies
	// EnvoyFilters in the order of their priority, and each INSERT_FIRST precedes those before it
	// (pilot/pkg/model/envoyfilter.go).
	priority = 10
)

// Make makes the filters of all namespaces whose sidecars carry overrides. An error is a bug.
func Make(snapshot *model.Snapshot) ([]encoded.Object, error) {
	var out []encoded.Object
	for _, namespace := range snapshot.ForwardingNamespaces {
		object, err := filter(snapshot, namespace)
		if err != nil {
			return nil, fmt.Errorf("encode the filter of namespace %s: %w", namespace, err)
		}
		out = append(out, object)
	}
	return out, nil
}

// filter makes the filter of a namespace.
func filter(snapshot *model.Snapshot, namespace string) (encoded.Object, error) {
	tokens := snapshot.TokenNamespaceOf(namespace) != nil
	spec := &istioapi.EnvoyFilter{Priority: priority}
	for _, side := range []struct {
		context istioapi.EnvoyFilter_PatchContext
		script  string
	}{
		{istioapi.EnvoyFilter_SIDECAR_INBOUND, received(snapshot.Options.Header, tokens)},
		{istioapi.EnvoyFilter_SIDECAR_OUTBOUND, made(snapshot.Options.Header, tokens)},
	} {
		script := &luav3.Lua{DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{InlineString: side.script}}}
		patch, err := edge.HTTPFilter(side.context, scriptFilter, script, "")
		if err != nil {
			return encoded.Object{}, err
		}
		spec.ConfigPatches = append(spec.ConfigPatches, patch)
	}
	object := model.ForwardingFilter(namespace)
	meta := edge.NamespaceMeta(namespace, object.Name)
	return istio.Canonical(&meta, object.Kind, spec)
}
