package meter_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/overrides-mesh/overrides/localmesh/meter"
)

func TestMeter(t *testing.T) {
	t.Parallel()
	api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer secret" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		if r.URL.Path == "/missing" {
			w.WriteHeader(http.StatusNotFound)
		}
		fmt.Fprint(w, r.URL.RequestURI())
	}))
	t.Cleanup(api.Close)
	m, err := meter.Start(t.Context(), &rest.Config{Host: api.URL, BearerToken: "secret"}, t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	})
	config, err := clientcmd.BuildConfigFromFlags("", m.Kubeconfig)
	if err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{"/api/v1/pods?limit=500": "/api/v1/pods?limit=500", "/missing": "/missing"} {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, config.Host+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		response, err := http.DefaultClient.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(response.Body)
		if err := errors.Join(err, response.Body.Close()); err != nil || string(body) != want {
			t.Errorf("GET %s: %q, %v", path, body, err)
		}
	}
	got := map[string]bool{}
	for _, request := range m.Requests() {
		got[request.String()] = true
	}
	want := map[string]bool{"GET /api/v1/pods?limit=500 200 22": true, "GET /missing? 404 8": true}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("requests (-want +got):\n%s", diff)
	}
	if rest := m.Requests(); len(rest) != 0 {
		t.Errorf("noted twice: %v", rest)
	}
}
