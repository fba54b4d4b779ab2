package overridegrpc_test

import (
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"

	"github.com/overrides-mesh/overrides/pkg/override/overridegrpc"
)

// A service that answers calls, and makes calls with their contexts.
func Example() {
	server := grpc.NewServer(
		grpc.ChainUnaryInterceptor(overridegrpc.UnaryServerInterceptor()),
		grpc.ChainStreamInterceptor(overridegrpc.StreamServerInterceptor()))
	conn, err := grpc.NewClient("dns:///service-3:80",
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithChainUnaryInterceptor(overridegrpc.UnaryClientInterceptor()),
		grpc.WithChainStreamInterceptor(overridegrpc.StreamClientInterceptor()))
	if err != nil {
		panic(err)
	}
	defer conn.Close()
	defer server.Stop()
	// Output:
}
