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

// A library for gRPC would be much of the operator's program, for one method of one
// service, of which two messages are used.

const (
	// method is that of the stream.
	method = "/envoy.service.discovery.v3.AggregatedDiscoveryService/StreamAggregatedResources"
	// debugType is the type of resources that are answers to questions.
	debugType = "istio.io/debug"
	// maxAnswer bounds an answer: 20,000 proxies, or a list of 100,000 clusters.
	maxAnswer = 64 << 20

	headerSize = 5
)

// Numbers of fields of DiscoveryRequest, DiscoveryResponse and Any.
const (
	requestNode, requestNames, requestType = 2, 3, 4
	responseResources                      = 2
	anyValue                               = 2
)

// node is who asks: a proxy by its name, in the namespace of its token.
func node(name, namespace string) ([]byte, error) {
	meta, err := structpb.NewStruct(map[string]any{"NAMESPACE": namespace, "GENERATOR": "event"})
	if err != nil {
		return nil, fmt.Errorf("make node metadata: %w", err)
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

// request is a DiscoveryRequest for one question, framed. node is for the first.
func request(node []byte, question string) []byte {
	out := make([]byte, headerSize, headerSize+len(node)+len(question)+len(debugType)+16)
	if node != nil {
		out = protowire.AppendBytes(protowire.AppendTag(out, requestNode, protowire.BytesType), node)
	}
	out = protowire.AppendString(protowire.AppendTag(out, requestNames, protowire.BytesType), question)
	out = protowire.AppendString(protowire.AppendTag(out, requestType, protowire.BytesType), debugType)
	binary.BigEndian.PutUint32(out[1:], uint32(len(out)-headerSize)) //nolint:gosec // a question is short
	return out
}

// readAnswer reads one DiscoveryResponse and returns its one resource.
func readAnswer(from io.Reader) ([]byte, error) {
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
	resource, err := field(data, responseResources)
	if err != nil {
		return nil, err
	}
	return field(resource, anyValue)
}

// field returns the first field of a number, nil where there is none.
func field(data []byte, number protowire.Number) ([]byte, error) {
	for len(data) > 0 {
		n, kind, size := protowire.ConsumeTag(data)
		if size < 0 {
			return nil, fmt.Errorf("decode answer: %w", protowire.ParseError(size))
		}
		data = data[size:]
		if n == number && kind == protowire.BytesType {
			value, size := protowire.ConsumeBytes(data)
			if size < 0 {
				return nil, fmt.Errorf("decode answer: %w", protowire.ParseError(size))
			}
			return value, nil
		}
		size = protowire.ConsumeFieldValue(n, kind, data)
		if size < 0 {
			return nil, fmt.Errorf("decode answer: %w", protowire.ParseError(size))
		}
		data = data[size:]
	}
	return nil, nil
}

// errEnded is that a stream ended in order, which none that asks does.
var errEnded = errors.New("istiod ended the stream")
