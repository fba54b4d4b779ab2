package override_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/overrides-mesh/overrides/pkg/override"
)

// hop is a service that does nothing but forward: the cost of forwarding per request.
func hop(r *http.Request) func() {
	response := &http.Response{Body: http.NoBody}
	transport := &override.Transport{Base: roundTripper(func(*http.Request) (*http.Response, error) { return response, nil })}
	out := (&http.Request{Header: http.Header{"Accept": {"*/*"}}}).WithContext(r.Context())
	handler := override.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, in *http.Request) {
		if in != r {
			out = out.WithContext(in.Context())
		}
		if res, err := transport.RoundTrip(out); err == nil {
			_ = res.Body.Close()
		}
	}))
	recorder := httptest.NewRecorder()
	return func() { handler.ServeHTTP(recorder, r) }
}

func request(h http.Header) *http.Request {
	return (&http.Request{Header: h}).WithContext(context.Background())
}

// TestOrdinaryRequestsAllocateNothing keeps forwarding free for requests without a
// carrier. It is not parallel: AllocsPerRun also counts other tests' allocations.
func TestOrdinaryRequestsAllocateNothing(t *testing.T) {
	f := hop(request(http.Header{"Accept": {"*/*"}, "User-Agent": {"test"}}))
	if n := testing.AllocsPerRun(100, f); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkHop(b *testing.B) {
	for name, h := range map[string]http.Header{
		"ordinary": {"Accept": {"*/*"}, "User-Agent": {"test"}},
		"override": {"Accept": {"*/*"}, "User-Agent": {"test"}, "X-Override": {"service-3:v2, service-5:v2"}},
	} {
		b.Run(name, func(b *testing.B) {
			f := hop(request(h))
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				f()
			}
		})
	}
}
