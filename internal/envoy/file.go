package envoy

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"
)

// File is one file that an Envoy watches.
type File struct {
	// Version is the hash of the content. Envoy reports it once the content is in force.
	Version string
	// JSON is a DiscoveryResponse; the same resources give the same bytes.
	JSON []byte
}

// ClusterFile returns the file of an Envoy's clusters.
func ClusterFile(clusters []*clusterv3.Cluster) (File, error) {
	resources := make([]proto.Message, 0, len(clusters))
	for _, c := range clusters {
		resources = append(resources, c)
	}
	return file(&clusterv3.Cluster{}, resources)
}

// RouteFile returns the file of an Envoy's routes.
func RouteFile(routes *routev3.RouteConfiguration) (File, error) {
	return file(routes, []proto.Message{routes})
}

func file(kind proto.Message, resources []proto.Message) (File, error) {
	response := &discoveryv3.DiscoveryResponse{TypeUrl: "type.googleapis.com/" + string(kind.ProtoReflect().Descriptor().FullName())}
	for _, r := range resources {
		wrapped, err := wrap(r)
		if err != nil {
			return File{}, err
		}
		response.Resources = append(response.Resources, wrapped)
	}
	text, err := encode(response)
	if err != nil {
		return File{}, err
	}
	const versionBytes = 8
	sum := sha256.Sum256(text)
	response.VersionInfo = hex.EncodeToString(sum[:versionBytes])
	if text, err = encode(response); err != nil {
		return File{}, err
	}
	return File{Version: response.GetVersionInfo(), JSON: text}, nil
}

func wrap(m proto.Message) (*anypb.Any, error) {
	out := &anypb.Any{}
	if err := anypb.MarshalFrom(out, m, proto.MarshalOptions{Deterministic: true}); err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return out, nil
}

// encode writes m as JSON. Protobuf adds random white space to its JSON on purpose; here
// the same message gives the same bytes.
func encode(m proto.Message) ([]byte, error) {
	text, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	var out bytes.Buffer
	if err := json.Compact(&out, text); err != nil {
		return nil, fmt.Errorf("encode %s: %w", m.ProtoReflect().Descriptor().Name(), err)
	}
	return out.Bytes(), nil
}
