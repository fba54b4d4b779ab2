//go:build go1.23

package override_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/overrides-mesh/overrides/pkg/override"
)

// A call by gRPC: Extract reads the values of metadata.MD, and
// metadata.AppendToOutgoingContext adds the pairs.
func ExampleExtract() {
	md := map[string][]string{"x-override": {"service-3:v2", "service-5:v2"}}
	get := func(name string) []string { return md[name] } // metadata.MD has the method Get

	ctx := override.NewContext(context.Background(), override.Extract(get))

	var pairs []string
	for name, line := range override.FromContext(ctx).All() {
		pairs = append(pairs, name, line)
	}
	fmt.Println(pairs)
	// Output: [x-override service-3:v2 x-override service-5:v2]
}

// A mesh with another header, and services that forward the token.
func ExampleNew() {
	forwarder, err := override.New(override.HeaderName("x-shop-override"), override.Also("x-override-token"))
	if err != nil {
		fmt.Println(err)
		return
	}
	handler := forwarder.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		for name, line := range override.FromContext(r.Context()).All() {
			fmt.Println(name, line)
		}
	}))
	r := httptest.NewRequestWithContext(context.Background(), http.MethodGet, "/", http.NoBody)
	r.Header.Set("x-shop-override", "service-3:v2")
	handler.ServeHTTP(httptest.NewRecorder(), r)
	// Output: x-shop-override service-3:v2
}
