package edge

import (
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	mutationv3 "github.com/envoyproxy/go-control-plane/envoy/config/common/mutation_rules/v3"
	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	istioapi "istio.io/api/networking/v1alpha3"
	typeapi "istio.io/api/type/v1beta1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

const (
	// RequiresAnnotation has Requires.
	RequiresAnnotation = "overrides.mesh/requires"
	// Requires is what a filter needs of proxies: %CEL% and re.extract came with Envoy 1.34.
	Requires = "Istio 1.26 (Envoy 1.34) or newer"
	// PolicyAnnotation names the policy that an object was made for, as NAMESPACE/NAME, or the
	// Gateway of an implied policy, as KIND NAMESPACE/NAME.
	PolicyAnnotation = "overrides.mesh/gateway-policy"
	// supported matches the versions of Istio's proxies but for 1.0 to 1.25. An older proxy
	// would refuse the whole listener: it keeps the listener without the filter.
	supported = `^(?:[^1].*|1|1[^.].*|1\.(?:2[6-9]|[3-9][0-9]|[1-9][0-9]{2,}|[^0-9]).*)$`

	connectionManager = "envoy.filters.network.http_connection_manager"
	earlyMutation     = "envoy.http.early_header_mutation.header_mutation"
)

// filter returns the EnvoyFilter for the pods of a namespace.
func (m *maker) filter(namespace string) (encoded.Object, error) {
	meta := m.ownMeta(namespace, filterSuffix)
	meta.Annotations[RequiresAnnotation] = Requires
	patches, err := m.Patches(m.snapshot.Options.Header, istioapi.EnvoyFilter_GATEWAY)
	if err != nil {
		return encoded.Object{}, err
	}
	spec := &istioapi.EnvoyFilter{ConfigPatches: patches}
	if m.GatewayAPI {
		spec.TargetRefs = m.targetRefs()
	} else {
		spec.WorkloadSelector = &istioapi.WorkloadSelector{Labels: m.selector}
	}
	if len(m.PreviewHosts) > 0 {
		location, err := m.location()
		if err != nil {
			return encoded.Object{}, fmt.Errorf("encode the filter of responses: %w", err)
		}
		spec.ConfigPatches = append(spec.ConfigPatches, location)
	}
	if m.Claims != nil {
		filter, err := askedFor(m.snapshot.Options.Header)
		if err != nil {
			return encoded.Object{}, fmt.Errorf("encode the filter of claims: %w", err)
		}
		spec.ConfigPatches = append(spec.ConfigPatches, filter)
	}
	if m.Link || m.Tokens != nil && m.Tokens.Link {
		links, err := m.links()
		if err != nil {
			return encoded.Object{}, err
		}
		spec.ConfigPatches = append(spec.ConfigPatches, links...)
	}
	return istio.Canonical(&meta, filterKind, spec)
}

// Patches returns the parts of an EnvoyFilter that change what requests carry, in proxies of a kind.
// Each filter is inserted in front of the ones before it.
func (r *Request) Patches(carrier string, context istioapi.EnvoyFilter_PatchContext) ([]*istioapi.EnvoyFilter_EnvoyConfigObjectPatch, error) {
	first, err := r.mutate(carrier, context)
	if err != nil {
		return nil, err
	}
	out := []*istioapi.EnvoyFilter_EnvoyConfigObjectPatch{first}
	if r.Tokens != nil {
		filters, err := r.Tokens.filters(carrier, context)
		if err != nil {
			return nil, fmt.Errorf("encode the filter of tokens: %w", err)
		}
		out = append(out, filters...)
	}
	config, err := program(r.mutations(carrier))
	if err != nil || config == nil {
		return out, err
	}
	filter, err := HTTPFilter(context, programFilter, config, "")
	return append(out, filter), err
}

// mutate returns what changes the headers of requests before they are routed. A merge appends to the
// mutations that others have made.
func (r *Request) mutate(carrier string, context istioapi.EnvoyFilter_PatchContext) (*istioapi.EnvoyFilter_EnvoyConfigObjectPatch, error) {
	early, err := r.early(carrier)
	if err != nil {
		return nil, fmt.Errorf("encode the filter: %w", err)
	}
	return Connections(context, &hcmv3.HttpConnectionManager{EarlyHeaderMutationExtensions: early})
}

// Connections returns a patch that is merged into the filter of HTTP connections: what others have in
// its lists stays there.
func Connections(context istioapi.EnvoyFilter_PatchContext, manager *hcmv3.HttpConnectionManager) (*istioapi.EnvoyFilter_EnvoyConfigObjectPatch, error) {
	typed, err := typedStruct(manager)
	if err != nil {
		return nil, fmt.Errorf("encode the filter: %w", err)
	}
	return &istioapi.EnvoyFilter_EnvoyConfigObjectPatch{
		ApplyTo: istioapi.EnvoyFilter_NETWORK_FILTER,
		Match:   atConnections(context, ""),
		Patch: &istioapi.EnvoyFilter_Patch{Operation: istioapi.EnvoyFilter_Patch_MERGE, Value: &structpb.Struct{
			Fields: map[string]*structpb.Value{"typed_config": structpb.NewStructValue(typed)},
		}},
	}, nil
}

// Cluster returns a patch that adds a cluster to the proxies that [Connections] is for.
func Cluster(context istioapi.EnvoyFilter_PatchContext, cluster *clusterv3.Cluster) (*istioapi.EnvoyFilter_EnvoyConfigObjectPatch, error) {
	value, err := asStruct(cluster)
	if err != nil {
		return nil, fmt.Errorf("encode the cluster: %w", err)
	}
	return &istioapi.EnvoyFilter_EnvoyConfigObjectPatch{
		ApplyTo: istioapi.EnvoyFilter_CLUSTER,
		Match:   &istioapi.EnvoyFilter_EnvoyConfigObjectMatch{Context: context, Proxy: &istioapi.EnvoyFilter_ProxyMatch{ProxyVersion: supported}},
		Patch:   &istioapi.EnvoyFilter_Patch{Operation: istioapi.EnvoyFilter_Patch_ADD, Value: value},
	}, nil
}

// atConnections matches the filter of HTTP connections, or that of requests of a name in it, in
// the proxies that know all of the parts.
func atConnections(context istioapi.EnvoyFilter_PatchContext, name string) *istioapi.EnvoyFilter_EnvoyConfigObjectMatch {
	chain := &istioapi.EnvoyFilter_ListenerMatch_FilterMatch{Name: connectionManager}
	if name != "" {
		chain.SubFilter = &istioapi.EnvoyFilter_ListenerMatch_SubFilterMatch{Name: name}
	}
	return &istioapi.EnvoyFilter_EnvoyConfigObjectMatch{
		Context: context,
		Proxy:   &istioapi.EnvoyFilter_ProxyMatch{ProxyVersion: supported},
		ObjectTypes: &istioapi.EnvoyFilter_EnvoyConfigObjectMatch_Listener{Listener: &istioapi.EnvoyFilter_ListenerMatch{
			FilterChain: &istioapi.EnvoyFilter_ListenerMatch_FilterChainMatch{Filter: chain},
		}},
	}
}

// early returns what changes the headers of requests before they are routed.
func (r *Request) early(carrier string) ([]*corev3.TypedExtensionConfig, error) {
	var list []*mutationv3.HeaderMutation
	for _, change := range r.mutations(carrier) {
		if !change.isProgram() && !change.isOfLink() {
			list = append(list, change.encode())
		}
	}
	config, err := anypb.New(&earlyv3.HeaderMutation{Mutations: list})
	return []*corev3.TypedExtensionConfig{{Name: earlyMutation, TypedConfig: config}}, err
}

// HTTPFilter returns a filter of requests, in front of all others, or of the filter of a name.
func HTTPFilter(context istioapi.EnvoyFilter_PatchContext, name string, config proto.Message, before string) (*istioapi.EnvoyFilter_EnvoyConfigObjectPatch, error) {
	typed, err := typedStruct(config)
	if err != nil {
		return nil, err
	}
	where := istioapi.EnvoyFilter_Patch_INSERT_FIRST
	if before != "" {
		where = istioapi.EnvoyFilter_Patch_INSERT_BEFORE
	}
	return &istioapi.EnvoyFilter_EnvoyConfigObjectPatch{
		ApplyTo: istioapi.EnvoyFilter_HTTP_FILTER,
		Match:   atConnections(context, before),
		Patch: &istioapi.EnvoyFilter_Patch{Operation: where, Value: &structpb.Struct{Fields: map[string]*structpb.Value{
			"name": structpb.NewStringValue(name), "typed_config": structpb.NewStructValue(typed),
		}}},
	}, nil
}

// typedStruct returns a message of Envoy's with its type.
func typedStruct(message proto.Message) (*structpb.Struct, error) {
	packed, err := anypb.New(message)
	if err != nil {
		return nil, err
	}
	return asStruct(packed)
}

// asStruct returns a message of Envoy's as an EnvoyFilter has it.
func asStruct(message proto.Message) (*structpb.Struct, error) {
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
	if err != nil {
		return nil, err
	}
	out := &structpb.Struct{}
	return out, protojson.Unmarshal(data, out)
}

// actions are Envoy's names of actions.
var actions = map[action]corev3.HeaderValueOption_HeaderAppendAction{
	replace: corev3.HeaderValueOption_OVERWRITE_IF_EXISTS, add: corev3.HeaderValueOption_APPEND_IF_EXISTS_OR_ADD,
	addMissing: corev3.HeaderValueOption_ADD_IF_ABSENT,
}

// encode returns m as Envoy reads it.
func (m *mutation) encode() *mutationv3.HeaderMutation {
	if m.action == remove {
		return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_Remove{Remove: m.header}}
	}
	return &mutationv3.HeaderMutation{Action: &mutationv3.HeaderMutation_Append{Append: &corev3.HeaderValueOption{
		Header:       &corev3.HeaderValue{Key: m.header, Value: values(m.value)},
		AppendAction: actions[m.action],
	}}}
}

// meta is the metadata of an object beside the Gateway.
func (m *maker) meta(namespace, name string) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: map[string]string{}}
	if m.gateway != nil && m.gateway.Revision != "" {
		meta.Labels[istio.RevisionLabel] = m.gateway.Revision
	}
	return meta
}

// ownMeta is the metadata of an object of Overrides for the pods of the Gateway.
func (m *maker) ownMeta(namespace, suffix string) metav1.ObjectMeta {
	meta := m.meta(namespace, m.Gateway+suffix)
	meta.Annotations = map[string]string{}
	meta.Labels[istio.ManagedByLabel] = istio.ManagedBy
	meta.Labels[istio.OwnerLabel] = istio.OwnerValue(m.Gateway)
	if m.By.Name != "" {
		meta.Annotations[PolicyAnnotation] = policyName(m.By)
	}
	return meta
}

// NamespaceMeta is the metadata of a filter for the sidecars of a namespace.
func NamespaceMeta(namespace, name string) metav1.ObjectMeta {
	return metav1.ObjectMeta{
		Namespace: namespace, Name: name,
		Labels:      map[string]string{istio.ManagedByLabel: istio.ManagedBy, istio.OwnerLabel: istio.OwnerValue(name)},
		Annotations: map[string]string{RequiresAnnotation: Requires},
	}
}

// targetRefs references a Gateway of the Gateway API.
func (m *maker) targetRefs() []*typeapi.PolicyTargetReference {
	return []*typeapi.PolicyTargetReference{{Group: model.GatewayAPIGroup, Kind: "Gateway", Name: m.Gateway}}
}
