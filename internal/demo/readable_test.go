package demo

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

// TestReadable: people see the path, and programs the answer.
func TestReadable(t *testing.T) {
	t.Parallel()
	h := readable(chain.New(chain.Options{Service: "a", Version: "v1", Next: []string{"http://127.0.0.1:0/"}}))
	for _, test := range []struct{ accept, path, kind, starts string }{
		{"*/*", "/", "text/plain; charset=utf-8", "a:v1 → 127.0.0.1!502\nGet \""},
		{"text/html", "/x", "text/plain; charset=utf-8", "a:v1 → "},
		{"", "/", "application/json", `{"service":"a"`},
		{"application/json", "/", "application/json", `{"service":"a"`},
		{"*/*", "/healthz", "text/plain; charset=utf-8", "ok\n"},
	} {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, test.path, http.NoBody)
		if test.accept != "" {
			r.Header.Set("Accept", test.accept)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		if got := w.Header().Get("Content-Type"); got != test.kind || !strings.HasPrefix(w.Body.String(), test.starts) {
			t.Errorf("accept %q, %s: %s %s", test.accept, test.path, got, w.Body)
		}
		if test.path != "/healthz" && w.Code != http.StatusBadGateway {
			t.Errorf("accept %q: status %d", test.accept, w.Code)
		}
	}
}
