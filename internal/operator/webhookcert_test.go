package operator

import (
	"net/http"
	"net/http/httptest"
	"testing"

	"k8s.io/client-go/rest"
)

// TestScopedConfig: only the operator's own Secret and webhook are ever requested.
func TestScopedConfig(t *testing.T) {
	t.Parallel()
	var got string
	server := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.Method + " " + r.URL.RequestURI() }))
	defer server.Close()
	options := DefaultOptions().Gate
	original := &rest.Config{Host: server.URL}
	s := &webhookServer{config: original, options: &options}
	client, err := rest.HTTPClientFor(s.scopedConfig())
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct{ method, path, want string }{
		{http.MethodGet, "/api/v1/namespaces/x/secrets?limit=500", "/api/v1/namespaces/x/secrets?fieldSelector=metadata.name%3Doverrides-webhook&limit=500"},
		{http.MethodGet, "/api/v1/namespaces/x/secrets?watch=true", "/api/v1/namespaces/x/secrets?fieldSelector=metadata.name%3Doverrides-webhook&watch=true"},
		{
			http.MethodGet, "/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations",
			"/apis/admissionregistration.k8s.io/v1/mutatingwebhookconfigurations?fieldSelector=metadata.name%3Doverrides-readiness-gate",
		},
		{http.MethodPut, "/api/v1/namespaces/x/secrets/overrides-webhook", "/api/v1/namespaces/x/secrets/overrides-webhook"},
		{http.MethodGet, "/api/v1/namespaces/x/pods", "/api/v1/namespaces/x/pods"},
	}
	for _, test := range tests {
		request, err := http.NewRequestWithContext(t.Context(), test.method, server.URL+test.path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = response.Body.Close()
		if want := test.method + " " + test.want; got != want {
			t.Errorf("asked for %s, want %s", got, want)
		}
	}
	if original.WrapTransport != nil {
		t.Error("the original configuration was changed")
	}
}

func TestSplitAddress(t *testing.T) {
	t.Parallel()
	tests := []struct {
		address, host string
		port          int
	}{
		{":9443", "", 9443},
		{"127.0.0.1:1", "127.0.0.1", 1},
		{"[::1]:65535", "::1", 65535},
		{"9443", "", 0},
		{":0", "", 0},
		{":65536", "", 0},
		{":x", "", 0},
		{"", "", 0},
	}
	for _, test := range tests {
		host, port, err := splitAddress(test.address)
		if host != test.host || port != test.port || (err == nil) != (test.port != 0) {
			t.Errorf("%q: %q %d %v", test.address, host, port, err)
		}
	}
}
