// Package overridegrpc forwards overrides by gRPC: from the call that a service is
// answering to the calls that it makes meanwhile.
//
//	grpc.NewServer(
//		grpc.ChainUnaryInterceptor(overridegrpc.UnaryServerInterceptor()),
//		grpc.ChainStreamInterceptor(overridegrpc.StreamServerInterceptor()))
//	grpc.NewClient(target,
//		grpc.WithChainUnaryInterceptor(overridegrpc.UnaryClientInterceptor()),
//		grpc.WithChainStreamInterceptor(overridegrpc.StreamClientInterceptor()))
//
// The servers put the carriers of a call's metadata into its context, as
// [override.Middleware] does for HTTP; the clients put those of a context into the
// metadata. Metadata that the program has set are never changed.
package overridegrpc

import (
	"context"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/overrides-mesh/overrides/pkg/override"
)

// Option changes what a server's interceptor takes from calls.
type Option func(*server)

// WithForwarder is the option to take the headers of f, instead of
// [override.DefaultHeader] and [override.BaggageHeader].
func WithForwarder(f *override.Forwarder) Option {
	return func(s *server) { s.extract = f.Extract }
}

type server struct {
	extract func(values func(name string) []string) override.Carriers
}

func newServer(options []Option) *server {
	s := &server{extract: override.Extract}
	for _, option := range options {
		option(s)
	}
	return s
}

// incoming returns ctx with the carriers of its call, and only these.
func (s *server) incoming(ctx context.Context) context.Context {
	md, _ := metadata.FromIncomingContext(ctx)
	return override.NewContext(ctx, s.extract(md.Get))
}

// UnaryServerInterceptor returns an interceptor that calls the handler with the carriers
// of the call in its context.
func UnaryServerInterceptor(options ...Option) grpc.UnaryServerInterceptor {
	s := newServer(options)
	return func(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handler grpc.UnaryHandler) (any, error) {
		return handler(s.incoming(ctx), request)
	}
}

// StreamServerInterceptor is [UnaryServerInterceptor] for streams, in either direction or
// in both.
func StreamServerInterceptor(options ...Option) grpc.StreamServerInterceptor {
	s := newServer(options)
	return func(service any, stream grpc.ServerStream, _ *grpc.StreamServerInfo, handler grpc.StreamHandler) error {
		ctx := stream.Context()
		if with := s.incoming(ctx); with != ctx {
			stream = &serverStream{ServerStream: stream, ctx: with}
		}
		return handler(service, stream)
	}
}

type serverStream struct {
	grpc.ServerStream
	ctx context.Context
}

// Context returns the context of the call with its carriers.
func (s *serverStream) Context() context.Context { return s.ctx }

// UnaryClientInterceptor returns an interceptor that adds to a call each carrier of its
// context that its outgoing metadata do not have yet.
func UnaryClientInterceptor() grpc.UnaryClientInterceptor {
	return func(ctx context.Context, method string, request, reply any, conn *grpc.ClientConn, invoke grpc.UnaryInvoker, options ...grpc.CallOption) error {
		return invoke(outgoing(ctx), method, request, reply, conn, options...)
	}
}

// StreamClientInterceptor is [UnaryClientInterceptor] for streams.
func StreamClientInterceptor() grpc.StreamClientInterceptor {
	return func(ctx context.Context, desc *grpc.StreamDesc, conn *grpc.ClientConn, method string, stream grpc.Streamer, options ...grpc.CallOption) (grpc.ClientStream, error) {
		return stream(outgoing(ctx), desc, conn, method, options...)
	}
}

func outgoing(ctx context.Context) context.Context {
	c := override.FromContext(ctx)
	if c.IsZero() {
		return ctx
	}
	set, _ := metadata.FromOutgoingContext(ctx)
	var pairs []string
	c.All()(func(name, line string) bool {
		if _, ok := set[name]; !ok {
			if line = sendable(line); line != "" {
				pairs = append(pairs, name, line)
			}
		}
		return true
	})
	if len(pairs) == 0 {
		return ctx
	}
	return metadata.AppendToOutgoingContext(ctx, pairs...)
}

// sendable returns line without the members that gRPC can't send: it allows printable
// ASCII only, and fails the whole call otherwise. A tab is white space between members, as
// a space is.
func sendable(line string) string {
	line = strings.ReplaceAll(line, "\t", " ")
	if printable(line) {
		return line
	}
	var kept []string
	for _, member := range strings.Split(line, ",") {
		if printable(member) {
			kept = append(kept, member)
		}
	}
	return strings.TrimSpace(strings.Join(kept, ","))
}

func printable(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
