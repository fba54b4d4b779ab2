package chain_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

func start(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// service starts a service with that name in version v1.
func service(t *testing.T, name string, next ...string) string {
	t.Helper()
	return start(t, chain.New(chain.Options{Service: name, Version: "v1", Next: next}))
}

// proxy starts a server that answers without being a service.
func proxy(t *testing.T, status int, body string, header http.Header) string {
	t.Helper()
	return start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		maps.Copy(w.Header(), header)
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}))
}

// response is the response without the answer.
type response struct {
	StatusCode int
	Header     http.Header
}

func send(t *testing.T, method, url, body string, h http.Header) (response, chain.Answer) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	maps.Copy(req.Header, h)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out := response{StatusCode: res.StatusCode, Header: res.Header}
	if method == http.MethodHead {
		return out, chain.Answer{}
	}
	answer, err := chain.Decode(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return out, answer
}

func TestChain(t *testing.T) {
	t.Parallel()
	last := service(t, "service-3")
	first := service(t, "service-1", service(t, "service-2", last+"/deep?q=1"))
	h := http.Header{
		"X-Override": {"service-3:v2", "service-2:v2;strict"}, "Baggage": {"override.service-3=v2"},
		"X-Request-Id": {"id"}, "Traceparent": {"00-a-b-01"}, "X-Other": {"stays"},
	}
	res, answer := send(t, http.MethodPost, first+"/orders?n=1", "a body", h)
	if res.StatusCode != http.StatusOK || res.Header.Get("Content-Type") != "application/json" {
		t.Errorf("status %d, %v", res.StatusCode, res.Header)
	}
	if diff := cmp.Diff([]string{"service-1:v1", "service-2:v1", "service-3:v1"}, answer.Path()); diff != "" {
		t.Error(diff)
	}
	if got, want := answer.String(), "service-1:v1 → service-2:v1 → service-3:v1"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
	delete(h, "X-Other")
	h["Accept-Encoding"], h["User-Agent"], h["Content-Length"] = []string{"gzip"}, []string{"Go-http-client/1.1"}, []string{"0"}
	want := chain.Seen{Method: http.MethodPost, Path: "/deep?q=1", Host: strings.TrimPrefix(last, "http://"), Headers: h}
	if diff := cmp.Diff(want, answer.Calls[0].Calls[0].Request); diff != "" {
		t.Error(diff)
	}
	if got := answer.Request; got.Path != "/orders?n=1" || got.Headers.Get("X-Other") != "stays" {
		t.Errorf("the first service saw %+v", got)
	}
}

// TestFork: two calls end at one service, in the order of Next.
func TestFork(t *testing.T) {
	t.Parallel()
	shared := service(t, "shared")
	_, answer := send(t, http.MethodGet, service(t, "fork", service(t, "a", shared), service(t, "b", shared)), "", nil)
	if got, want := answer.String(), "fork:v1 → (a:v1 → shared:v1, b:v1 → shared:v1)"; got != want {
		t.Errorf("String() = %q, want %q", got, want)
	}
}

func TestFailedCalls(t *testing.T) {
	t.Parallel()
	refused := httptest.NewServer(http.NotFoundHandler())
	refused.Close()
	long := strings.Repeat("ä", 200) // two bytes each
	strict := http.Header{"X-Override-Error": {"service-2:v9 cannot serve"}}
	for name, test := range map[string]struct {
		next   string
		status int
		error  string
		why    string
	}{
		"strict":        {proxy(t, 503, "no such version\n", strict), 503, "no such version", "service-2:v9 cannot serve"},
		"no body":       {proxy(t, 503, "", nil), 503, "Service Unavailable", ""},
		"other JSON":    {proxy(t, 404, `{"message":"no route"}`, nil), 404, `{"message":"no route"}`, ""},
		"not a service": {proxy(t, 200, "<html>", nil), 502, "<html>", ""},
		"long":          {proxy(t, 500, "x"+long, nil), 500, "x" + long[:298], ""},
		"refused":       {refused.URL, 502, "connection refused", ""},
		"no URL":        {"http://a b/", 502, "invalid character", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			good := service(t, "good")
			// The failing service is in the middle, one service further down.
			res, answer := send(t, http.MethodGet, service(t, "service-1", service(t, "service-2", good, test.next, good)), "", nil)
			if res.StatusCode != test.status || res.Header.Get("x-override-error") != test.why {
				t.Errorf("status %d, x-override-error %q; want %d, %q", res.StatusCode, res.Header.Get("x-override-error"), test.status, test.why)
			}
			second := answer.Calls[0]
			if answer.Status != test.status || second.Status != test.status || len(second.Calls) != 3 || second.Calls[2].Status != 200 {
				t.Fatalf("answer %+v", answer)
			}
			failed := second.Calls[1]
			if failed.Status != test.status || !strings.Contains(failed.Error, test.error) || len(failed.Error) > 300 {
				t.Errorf("%+v, want %d %q", failed, test.status, test.error)
			}
			if name != "no URL" && answer.Path()[3] != fmt.Sprintf("%s!%d", failed.Service, test.status) {
				t.Errorf("path %v", answer.Path())
			}
		})
	}
}

// TestFirstFailureCounts: if several calls fail, the first one's error is reported.
func TestFirstFailureCounts(t *testing.T) {
	t.Parallel()
	first := proxy(t, 503, "", http.Header{"X-Override-Error": {"first"}})
	second := proxy(t, 404, "", http.Header{"X-Override-Error": {"second"}})
	res, answer := send(t, http.MethodGet, service(t, "a", service(t, "b"), first, second), "", nil)
	if res.StatusCode != 503 || res.Header.Get("x-override-error") != "first" || len(answer.Calls) != 3 {
		t.Errorf("status %d, %v, answer %+v", res.StatusCode, res.Header, answer)
	}
}

// TestChangedStatus: a proxy's response in place of the service's counts.
func TestChangedStatus(t *testing.T) {
	t.Parallel()
	res, answer := send(t, http.MethodGet, service(t, "a", proxy(t, 504, `{"service":"b","version":"v2","status":200}`, nil)), "", nil)
	if res.StatusCode != 504 || answer.Calls[0].Status != 504 || answer.String() != "a:v1 → b:v2" {
		t.Errorf("status %d, answer %+v", res.StatusCode, answer)
	}
}

func TestHead(t *testing.T) {
	t.Parallel()
	for status, next := range map[int]string{200: service(t, "b"), 503: proxy(t, 503, "", nil)} {
		if res, _ := send(t, http.MethodHead, service(t, "a", next), "", nil); res.StatusCode != status {
			t.Errorf("status %d, want %d", res.StatusCode, status)
		}
	}
}

// TestHealth: the readiness of a service does not depend on those that it calls.
func TestHealth(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	chain.New(chain.Options{Service: "a", Next: []string{"http://127.0.0.1:1/"}, Delay: time.Hour}).
		ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/healthz", http.NoBody))
	if recorder.Code != http.StatusOK || recorder.Body.String() != "ok\n" {
		t.Errorf("%d %q", recorder.Code, recorder.Body)
	}
}

// TestClient: calls use the given client, with the named headers.
func TestClient(t *testing.T) {
	t.Parallel()
	target := service(t, "b")
	var hosts []string
	transport := roundTripper(func(r *http.Request) (*http.Response, error) {
		hosts = append(hosts, r.URL.Host)
		r = r.Clone(r.Context())
		r.URL.Host = strings.TrimPrefix(target, "http://")
		return http.DefaultTransport.RoundTrip(r)
	})
	client := &http.Client{Transport: transport}
	forward, err := chain.NewForward("x-override-token")
	if err != nil {
		t.Fatal(err)
	}
	a := start(t, chain.New(chain.Options{
		Service: "a", Version: "v2", Pod: "a-0", Next: []string{"http://service-b/"}, Client: client, Forward: forward,
	}))
	_, answer := send(t, http.MethodGet, a, "", http.Header{"X-Override-Token": {"t"}})
	if diff := cmp.Diff([]string{"service-b"}, hosts); diff != "" {
		t.Error(diff)
	}
	want := chain.Answer{Service: "a", Version: "v2", Pod: "a-0", Status: 200, Calls: []chain.Answer{{Service: "b", Version: "v1", Status: 200}}}
	if diff := cmp.Diff(want, answer, cmpopts.IgnoreFields(chain.Answer{}, "Request")); diff != "" {
		t.Error(diff)
	}
	if seen := answer.Calls[0].Request; seen.Host != "service-b" || seen.Headers.Get("X-Override-Token") != "t" {
		t.Errorf("b saw %+v", seen)
	}
}

func TestNewForwardRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "x tenant", "x-tenant:", "x-täter"} {
		if f, err := chain.NewForward(name); err == nil {
			t.Errorf("NewForward(%q) = %v", name, f)
		}
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

func TestDecodeRefuses(t *testing.T) {
	t.Parallel()
	for _, body := range []string{"", "no healthy upstream", "{}", `{"service":"a"}`, `{"status":200}`, `[]`} {
		if a, err := chain.Decode(strings.NewReader(body)); err == nil {
			t.Errorf("Decode(%q) = %+v", body, a)
		}
	}
}
