package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	discoveryv3 "github.com/envoyproxy/go-control-plane/envoy/service/discovery/v3"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/structpb"
)

const (
	clusterType  = "type.googleapis.com/envoy.config.cluster.v3.Cluster"
	endpointType = "type.googleapis.com/envoy.config.endpoint.v3.ClusterLoadAssignment"
	listenerType = "type.googleapis.com/envoy.config.listener.v3.Listener"
	routeType    = "type.googleapis.com/envoy.config.route.v3.RouteConfiguration"
)

// aim is the goal of a round: a cluster, and a text that routes to it contain.
type aim struct {
	cluster string
	marker  []byte
}

// sidecar is a simulated Envoy. It reads responses one by one, subscribes to the
// endpoints of the clusters that it received, and acknowledges.
type sidecar struct {
	node *corev3.Node
	// ackFirst says that it sends acknowledgements before the subscriptions that they
	// cause.
	ackFirst bool
	aim      *atomic.Pointer[aim]
	// silent makes it read nothing, like a stopped process.
	silent atomic.Bool

	mu       sync.Mutex
	clusters map[string]bool
	// warm and routed are the times when the aim's endpoints and routes arrived.
	warm, routed time.Time
	routes       int
}

func newSidecar(n int, a *atomic.Pointer[aim]) (*sidecar, error) {
	name, ip := fmt.Sprintf("client-%d-5d4f8c9b7d-%05d", n%50, n), fmt.Sprintf("10.250.%d.%d", n/250, n%250+1)
	meta, err := structpb.NewStruct(map[string]any{
		"NAME": name, "NAMESPACE": namespace, "ISTIO_VERSION": "1.31.0", "CLUSTER_ID": "Kubernetes", "MESH_ID": "cluster.local",
		"INTERCEPTION_MODE": "REDIRECT", "INSTANCE_IPS": ip, "SERVICE_ACCOUNT": "default", "WORKLOAD_NAME": fmt.Sprintf("client-%d", n%50),
		"LABELS": map[string]any{
			"app": fmt.Sprintf("client-%d", n%50), "version": "v1", "service.istio.io/canonical-name": fmt.Sprintf("client-%d", n%50),
			"service.istio.io/canonical-revision": "v1", "security.istio.io/tlsMode": "istio",
		},
		"PROXY_CONFIG": map[string]any{"discoveryAddress": "istiod.istio-system.svc:15012", "concurrency": 2},
	})
	if err != nil {
		return nil, fmt.Errorf("make node metadata: %w", err)
	}
	return &sidecar{
		node: &corev3.Node{
			Id: fmt.Sprintf("sidecar~%s~%s.%s~%s.svc.cluster.local", ip, name, namespace, namespace), Cluster: "client." + namespace, Metadata: meta,
		},
		ackFirst: n%2 == 1, aim: a, clusters: map[string]bool{},
	}, nil
}

// id is its name in istiod.
func (s *sidecar) id() string { return strings.Split(s.node.GetId(), "~")[2] }

type deltaStream = grpc.BidiStreamingClient[discoveryv3.DeltaDiscoveryRequest, discoveryv3.DeltaDiscoveryResponse]

// run keeps a stream until ctx ends.
func (s *sidecar) run(ctx context.Context, connection *grpc.ClientConn) {
	for ctx.Err() == nil {
		// Istiod accepts a few new streams a second; Envoy too tries again.
		_ = s.converse(ctx, connection) // it ends with an error, always
		pause(ctx, 500*time.Millisecond)
	}
}

func (s *sidecar) converse(ctx context.Context, connection *grpc.ClientConn) error {
	stream, err := discoveryv3.NewAggregatedDiscoveryServiceClient(connection).DeltaAggregatedResources(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.clusters = map[string]bool{}
	s.mu.Unlock()
	first := &discoveryv3.DeltaDiscoveryRequest{Node: s.node, TypeUrl: clusterType}
	listeners := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: listenerType}
	routes := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: routeType, ResourceNamesSubscribe: []string{"80"}}
	if err := send(stream, first, listeners, routes); err != nil {
		return err
	}
	for {
		response, err := stream.Recv()
		if err != nil {
			return err
		}
		for s.silent.Load() && ctx.Err() == nil {
			pause(ctx, 10*time.Millisecond)
		}
		if err := s.take(stream, response); err != nil {
			return err
		}
	}
}

func send(stream deltaStream, requests ...*discoveryv3.DeltaDiscoveryRequest) error {
	var errs []error
	for _, r := range requests {
		errs = append(errs, stream.Send(r))
	}
	return errors.Join(errs...)
}

// take takes one response.
func (s *sidecar) take(stream deltaStream, response *discoveryv3.DeltaDiscoveryResponse) error {
	ack := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: response.GetTypeUrl(), ResponseNonce: response.GetNonce()}
	now := time.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.aim.Load()
	switch response.GetTypeUrl() {
	case clusterType:
		change := s.takeClusters(response)
		switch {
		case change == nil:
		case s.ackFirst:
			return send(stream, ack, change)
		default:
			return send(stream, change, ack)
		}
	case endpointType:
		for _, r := range response.GetResources() {
			if a != nil && r.GetName() == a.cluster && s.clusters[a.cluster] && s.warm.IsZero() {
				s.warm = now
			}
		}
	case routeType:
		for _, r := range response.GetResources() {
			if a != nil && s.routed.IsZero() && bytes.Contains(r.GetResource().GetValue(), a.marker) {
				s.routed = now
			}
		}
		s.routes++
	}
	return send(stream, ack)
}

// takeClusters returns the change of subscriptions; nil for none.
func (s *sidecar) takeClusters(response *discoveryv3.DeltaDiscoveryResponse) *discoveryv3.DeltaDiscoveryRequest {
	change := &discoveryv3.DeltaDiscoveryRequest{TypeUrl: endpointType}
	for _, r := range response.GetResources() {
		if name := r.GetName(); strings.HasPrefix(name, "outbound|") && !s.clusters[name] {
			s.clusters[name] = true
			change.ResourceNamesSubscribe = append(change.ResourceNamesSubscribe, name)
		}
	}
	for _, name := range response.GetRemovedResources() {
		if s.clusters[name] {
			delete(s.clusters, name)
			change.ResourceNamesUnsubscribe = append(change.ResourceNamesUnsubscribe, name)
		}
	}
	if change.ResourceNamesSubscribe == nil && change.ResourceNamesUnsubscribe == nil {
		return nil
	}
	return change
}

// times returns when the aim's endpoints and its routes arrived.
func (s *sidecar) times() (warm, routed time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.warm, s.routed
}

// forget starts a round.
func (s *sidecar) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warm, s.routed = time.Time{}, time.Time{}
}

// ready reports whether it has routes.
func (s *sidecar) ready() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.routes > 0 && len(s.clusters) > 0
}
