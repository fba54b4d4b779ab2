package override_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"

	"github.com/overrides-mesh/overrides/pkg/override"
)

// A service that answers with the answer of the next one.
func Example() {
	next := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "x-override: %s", r.Header.Get("x-override"))
	}))
	defer next.Close()

	client := &http.Client{Transport: &override.Transport{}}
	service := httptest.NewServer(override.Middleware(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// The request's context alone transports the carriers.
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

// A queued message transports the carriers as attributes.
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

// Carriers are sent only to one's own services.
func ExampleTransport_only() {
	transport := &override.Transport{Only: func(r *http.Request) bool {
		return r.URL.Hostname() != "api.example.com"
	}}
	_ = &http.Client{Transport: transport}
}
