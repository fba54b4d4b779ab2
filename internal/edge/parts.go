package edge

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/types/known/anypb"
)

// Parts are the parts of an Envoy's filter of HTTP connections that take overrides from tokens,
// for an Envoy that no istiod configures.
type Parts struct {
	// Early changes the headers of requests before they are routed.
	Early []*corev3.TypedExtensionConfig
	// Filters are in front of all other filters.
	Filters []*hcmv3.HttpFilter
}

// Parts returns what the EnvoyFilter for a request with tokens, and without links, consists of.
func (r *Request) Parts(carrier string) (*Parts, error) {
	early, err := r.early(carrier)
	if err != nil {
		return nil, fmt.Errorf("encode the changes of headers: %w", err)
	}
	check, err := r.Tokens.check(carrier)
	if err != nil {
		return nil, err
	}
	config, err := anypb.New(check)
	if err != nil {
		return nil, fmt.Errorf("encode the filter of tokens: %w", err)
	}
	return &Parts{Early: early, Filters: []*hcmv3.HttpFilter{{Name: tokenFilter, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: config}}}}, nil
}
