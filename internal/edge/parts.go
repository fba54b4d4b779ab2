package edge

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"google.golang.org/protobuf/proto"
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
	config, err := program(r.mutations(carrier))
	if err != nil {
		return nil, fmt.Errorf("encode the program: %w", err)
	}
	out := &Parts{Early: early}
	for _, filter := range []struct {
		name   string
		config proto.Message
	}{{programFilter, config}, {tokenFilter, check}} {
		typed, err := anypb.New(filter.config)
		if err != nil {
			return nil, fmt.Errorf("encode %s: %w", filter.name, err)
		}
		out.Filters = append(out.Filters, &hcmv3.HttpFilter{Name: filter.name, ConfigType: &hcmv3.HttpFilter_TypedConfig{TypedConfig: typed}})
	}
	return out, nil
}
