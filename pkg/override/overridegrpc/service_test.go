package overridegrpc_test

import (
	"context"
	"errors"
	"io"
	"net"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/metadata"

	"github.com/overrides-mesh/overrides/pkg/override/overridegrpc"
)

// recorder answers calls of all four kinds, and notes the metadata of each.
type recorder struct {
	grpc_testing.UnimplementedTestServiceServer
	seen chan metadata.MD
}

func (r *recorder) note(ctx context.Context) {
	md, _ := metadata.FromIncomingContext(ctx)
	r.seen <- md
}

func (r *recorder) UnaryCall(ctx context.Context, _ *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	r.note(ctx)
	return &grpc_testing.SimpleResponse{}, nil
}

func (r *recorder) StreamingOutputCall(_ *grpc_testing.StreamingOutputCallRequest, stream grpc_testing.TestService_StreamingOutputCallServer) error {
	r.note(stream.Context())
	return stream.Send(&grpc_testing.StreamingOutputCallResponse{})
}

func (r *recorder) StreamingInputCall(stream grpc_testing.TestService_StreamingInputCallServer) error {
	r.note(stream.Context())
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return stream.SendAndClose(&grpc_testing.StreamingInputCallResponse{})
		} else if err != nil {
			return err
		}
	}
}

func (r *recorder) FullDuplexCall(stream grpc_testing.TestService_FullDuplexCallServer) error {
	r.note(stream.Context())
	for {
		if _, err := stream.Recv(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := stream.Send(&grpc_testing.StreamingOutputCallResponse{}); err != nil {
			return err
		}
	}
}

// forwarder answers each call by a call of the same kind to next. change may change the
// context of that call.
type forwarder struct {
	grpc_testing.UnimplementedTestServiceServer
	next   grpc_testing.TestServiceClient
	change func(context.Context) context.Context
}

func (f *forwarder) UnaryCall(ctx context.Context, _ *grpc_testing.SimpleRequest) (*grpc_testing.SimpleResponse, error) {
	return &grpc_testing.SimpleResponse{}, unary(f.change(ctx), f.next)
}

func (f *forwarder) StreamingOutputCall(_ *grpc_testing.StreamingOutputCallRequest, stream grpc_testing.TestService_StreamingOutputCallServer) error {
	if err := serverStream(f.change(stream.Context()), f.next); err != nil {
		return err
	}
	return stream.Send(&grpc_testing.StreamingOutputCallResponse{})
}

func (f *forwarder) StreamingInputCall(stream grpc_testing.TestService_StreamingInputCallServer) error {
	if err := clientStream(f.change(stream.Context()), f.next); err != nil {
		return err
	}
	return stream.SendAndClose(&grpc_testing.StreamingInputCallResponse{})
}

func (f *forwarder) FullDuplexCall(stream grpc_testing.TestService_FullDuplexCallServer) error {
	if _, err := stream.Recv(); err != nil {
		return err
	}
	if err := bidirectional(f.change(stream.Context()), f.next); err != nil {
		return err
	}
	return stream.Send(&grpc_testing.StreamingOutputCallResponse{})
}

// kinds are calls of each kind, which read the answer to its end.
func kinds() map[string]func(context.Context, grpc_testing.TestServiceClient) error {
	return map[string]func(context.Context, grpc_testing.TestServiceClient) error{
		"unary": unary, "server stream": serverStream, "client stream": clientStream, "both streams": bidirectional,
	}
}

func unary(ctx context.Context, client grpc_testing.TestServiceClient) error {
	_, err := client.UnaryCall(ctx, &grpc_testing.SimpleRequest{})
	return err
}

func serverStream(ctx context.Context, client grpc_testing.TestServiceClient) error {
	stream, err := client.StreamingOutputCall(ctx, &grpc_testing.StreamingOutputCallRequest{})
	if err != nil {
		return err
	}
	return drain(stream.Recv)
}

func clientStream(ctx context.Context, client grpc_testing.TestServiceClient) error {
	stream, err := client.StreamingInputCall(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&grpc_testing.StreamingInputCallRequest{}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	_, err = stream.CloseAndRecv()
	return err
}

func bidirectional(ctx context.Context, client grpc_testing.TestServiceClient) error {
	stream, err := client.FullDuplexCall(ctx)
	if err != nil {
		return err
	}
	if err := stream.Send(&grpc_testing.StreamingOutputCallRequest{}); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if err := stream.CloseSend(); err != nil {
		return err
	}
	return drain(stream.Recv)
}

func drain[T any](receive func() (T, error)) error {
	for {
		if _, err := receive(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// serve starts a service on the loopback interface, and returns its address.
func serve(t *testing.T, service grpc_testing.TestServiceServer, options ...overridegrpc.Option) string {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(overridegrpc.UnaryServerInterceptor(options...)),
		grpc.ChainStreamInterceptor(overridegrpc.StreamServerInterceptor(options...)))
	grpc_testing.RegisterTestServiceServer(server, service)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	return listener.Addr().String()
}

// forwarding are the interceptors of a client.
func forwarding() []grpc.DialOption {
	return []grpc.DialOption{
		grpc.WithChainUnaryInterceptor(overridegrpc.UnaryClientInterceptor()),
		grpc.WithChainStreamInterceptor(overridegrpc.StreamClientInterceptor()),
	}
}

func dial(t *testing.T, address string, options ...grpc.DialOption) grpc_testing.TestServiceClient {
	t.Helper()
	conn, err := grpc.NewClient(address, append(options, grpc.WithTransportCredentials(insecure.NewCredentials()))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return grpc_testing.NewTestServiceClient(conn)
}
