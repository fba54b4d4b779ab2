package istiod

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
)

// A gRPC library would be a large part of the operator's binary, for one method with two
// messages.

const (
	// method is the path of the gRPC method.
	method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
	// debugType is the resource type of questions and answers.
	debugType = "istio.io/debug"
	// maxAnswer bounds an answer: 20,000 proxies, or a list of 100,000 clusters.
	maxAnswer = 64 << 20

	headerSize = 5
)

// Field numbers of DiscoveryRequest, DiscoveryResponse and Any.
const (
	requestVersion, requestNode, requestNames, requestType, requestNonce = 1, 2, 3, 4, 5
	responseVersion, responseResources, responseType, responseNonce      = 1, 2, 4, 5
	anyValue                                                             = 2
)

// node encodes the xDS node of this client: a proxy in the namespace of its token.
func node(name, namespace string) ([]byte, error) {
	meta, err := structpb.NewStruct(map[string]any{"NAMESPACE": namespace, "GENERATOR": "event"})
	if err != nil {
		return nil, fmt.Errorf("encode node metadata: %w", err)
	}
	data, err := proto.Marshal(&corev3.Node{
		Id:       fmt.Sprintf("sidecar~127.0.0.1~%s.%s~%s.svc.cluster.local", name, namespace, namespace),
		Metadata: meta,
	})
	if err != nil {
		return nil, fmt.Errorf("encode node: %w", err)
	}
	return data, nil
}

// request is a DiscoveryRequest.
type request struct {
	names                []string
	kind, version, nonce string
}

// frame encodes a request with its gRPC header. node is nil except for the first request.
func (r *request) frame(node []byte) []byte {
	out := make([]byte, headerSize)
	add := func(number protowire.Number, text string) {
		if text != "" {
			out = protowire.AppendString(protowire.AppendTag(out, number, protowire.BytesType), text)
		}
	}
	add(requestVersion, r.version)
	if node != nil {
		out = protowire.AppendBytes(protowire.AppendTag(out, requestNode, protowire.BytesType), node)
	}
	for _, name := range r.names {
		add(requestNames, name)
	}
	add(requestType, r.kind)
	add(requestNonce, r.nonce)
	binary.BigEndian.PutUint32(out[1:], uint32(len(out)-headerSize)) //nolint:gosec // requests are short
	return out
}

// response is a DiscoveryResponse.
type response struct {
	kind, version, nonce string
	// resources has the values of the resources.
	resources [][]byte
}

// readResponse reads one DiscoveryResponse.
func readResponse(from io.Reader) (*response, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(from, header[:]); err != nil {
		return nil, err
	}
	size := binary.BigEndian.Uint32(header[1:])
	if header[0] != 0 || size > maxAnswer {
		return nil, fmt.Errorf("an answer of %d bytes, compressed: %t", size, header[0] != 0)
	}
	data := make([]byte, size)
	if _, err := io.ReadFull(from, data); err != nil {
		return nil, err
	}
	out := &response{}
	err := fields(data, func(number protowire.Number, value []byte) error {
		switch number {
		case responseVersion:
			out.version = string(value)
		case responseType:
			out.kind = string(value)
		case responseNonce:
			out.nonce = string(value)
		case responseResources:
			var resource []byte
			err := fields(value, func(number protowire.Number, value []byte) error {
				if number == anyValue {
					resource = value
				}
				return nil
			})
			out.resources = append(out.resources, resource)
			return err
		default: // other fields are not needed
		}
		return nil
	})
	return out, err
}

// fields calls a function for each length-delimited field of a message.
func fields(data []byte, each func(protowire.Number, []byte) error) error {
	for len(data) > 0 {
		n, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return fmt.Errorf("decode answer: %w", protowire.ParseError(size))
		}
		data = data[size:]
		if kind != protowire.BytesType {
			if size = protowire.ConsumeFieldValue(n, kind, data); size < 0 {
				return fmt.Errorf("decode answer: %w", protowire.ParseError(size))
			}
			data = data[size:]
			continue
		}
		value, size := protowire.ConsumeBytes(data)
		if size < 0 {
			return fmt.Errorf("decode answer: %w", protowire.ParseError(size))
		}
		if err := each(n, value); err != nil {
			return err
		}
		data = data[size:]
	}
	return nil
}

// errEnded means that istiod ended the stream without an error.
var errEnded = errors.New("istiod ended the stream")
