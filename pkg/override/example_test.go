package override_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/overrides-mesh/overrides/pkg/override"
)

// A service that answers with what the next one says.
func Example() {
	next := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "x-override: %s", r.Header.Get("x-override"))
	}))
	defer next.Close()

	client := &http.Client{Transport: &override.Transport{}}
	service := httptest.NewServer(override.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The context of the request is all that takes the carriers along.
		req, err := http.NewRequestWithContext(r.Context(), http.MethodGet, next.URL, http.NoBody)
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		res, err := client.Do(req)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer res.Body.Close()
		_, _ = io.Copy(w, res.Body)
	})))
	defer service.Close()

	req, _ := http.NewRequestWithContext(context.Background(), http.MethodGet, service.URL, http.NoBody)
	req.Header.Set("x-override", "service-3:v2")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close()
	body, _ := io.ReadAll(res.Body)
	fmt.Println(string(body))
	// Output: x-override: service-3:v2
}

// What is called by gRPC: the values of metadata.MD, and pairs for
// metadata.AppendToOutgoingContext.
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

// A message that waits in a queue takes the carriers along as attributes.
func ExampleCarriers_AddTo() {
	ctx := override.NewContext(context.Background(), override.Extract(func(name string) []string {
		return map[string][]string{"baggage": {"override.service-3=v2"}}[name]
	}))

	attributes := http.Header{}
	override.FromContext(ctx).AddTo(attributes)
	fmt.Println(attributes)

	later := override.Extract(attributes.Values)
	fmt.Println(later.IsZero())
	// Output:
	// map[Baggage:[override.service-3=v2]]
	// false
}

// A mesh whose header has another name, and services that pass on the token.
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

// Carriers stay among the services of one's own.
func ExampleTransport_only() {
	transport := &override.Transport{Only: func(r *http.Request) bool {
		return r.URL.Hostname() != "api.example.com"
	}}
	_ = &http.Client{Transport: transport}
}
