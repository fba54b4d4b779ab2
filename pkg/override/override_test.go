package override_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"testing"

	"github.com/overrides-mesh/overrides/pkg/override"
)

// carried has two lines of the header, whose order matters, and details that proxies and
// parsers might tidy up.
func carried() http.Header {
	return http.Header{
		"X-Override": {"service-3:v2,\tservice-5:v2;strict ,", "", "service-3:v1;from=a"},
		"Baggage":    {"userId=alice,override.service-3=v2;p=1", "b=%20c"},
	}
}

// diff returns the difference between got and want, or "".
func diff(want, got any) string {
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return fmt.Sprintf("want %#v\n got %#v", want, got)
}

// newRequest returns a request without a body, for a server or a client.
func newRequest(ctx context.Context, url string) *http.Request {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		panic(err)
	}
	return r
}

// only returns the headers of h that are carriers.
func only(h http.Header) http.Header {
	out := http.Header{}
	for _, name := range []string{"X-Override", "Baggage"} {
		if lines, ok := h[name]; ok {
			out[name] = lines
		}
	}
	return out
}

// serve starts a service and returns its URL.
func serve(t *testing.T, h http.Handler) string {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	return server.URL
}

// get requests url with the context ctx and the headers h, and wants 200.
func get(ctx context.Context, t *testing.T, client *http.Client, url string, h http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	for name, lines := range h {
		req.Header[name] = slices.Clone(lines)
	}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %s", url, res.Status)
	}
}

// TestForward forwards through two services by HTTP/1 and by HTTP/2.
func TestForward(t *testing.T) {
	t.Parallel()
	for name, h2 := range map[string]bool{"HTTP/1.1": false, "HTTP/2.0": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var seen http.Header
			var proto string
			last := httptest.NewUnstartedServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				seen, proto = r.Header, r.Proto
			}))
			last.EnableHTTP2 = h2
			last.StartTLS()
			t.Cleanup(last.Close)
			client := &http.Client{Transport: &override.Transport{Base: last.Client().Transport}}
			first := serve(t, override.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				get(r.Context(), t, client, last.URL, nil)
			})))

			get(context.Background(), t, http.DefaultClient, first, carried())
			// A server trims white space around a value (RFC 9110 §5.5); nothing else changes.
			if d := diff(carried(), only(seen)); d != "" {
				t.Error(d)
			}
			if proto != name {
				t.Errorf("served by %s, want %s", proto, name)
			}

			get(context.Background(), t, http.DefaultClient, first, nil)
			if got := only(seen); len(got) > 0 {
				t.Errorf("request without carriers: %v", got)
			}
		})
	}
}

type roundTripper func(*http.Request) (*http.Response, error)

func (f roundTripper) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// sent returns the headers that Transport sends for one request, and checks its contract:
// the request is unchanged.
func sent(t *testing.T, transport override.Transport, c override.Carriers, h http.Header) http.Header {
	t.Helper()
	var out http.Header
	transport.Base = roundTripper(func(r *http.Request) (*http.Response, error) {
		out = r.Header.Clone()
		for name := range r.Header {
			clear(r.Header[name])
		}
		return httptest.NewRecorder().Result(), nil
	})
	req := newRequest(override.NewContext(context.Background(), c), "http://service-3/")
	req.Header = h
	before := h.Clone()
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if !c.IsZero() && diff(before, h) != "" {
		t.Errorf("Transport changed the caller's request: %s", diff(before, h))
	}
	return out
}

func TestTransportKeepsWhatTheProgramSet(t *testing.T) {
	t.Parallel()
	c := override.Extract(carried().Values)
	for name, test := range map[string]struct{ set, want http.Header }{
		"nothing":    {http.Header{"Accept": {"*/*"}}, http.Header{"Accept": {"*/*"}, "X-Override": carried()["X-Override"], "Baggage": carried()["Baggage"]}},
		"nil header": {nil, carried()},
		"one of them": {
			http.Header{"X-Override": {"service-9:v9"}},
			http.Header{"X-Override": {"service-9:v9"}, "Baggage": carried()["Baggage"]},
		},
		"not canonical": {
			http.Header{"x-override": {"service-9:v9"}},
			http.Header{"x-override": {"service-9:v9"}, "Baggage": carried()["Baggage"]},
		},
		"switched off": {
			http.Header{"X-Override": nil, "Baggage": {}},
			http.Header{"X-Override": nil, "Baggage": {}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if d := diff(test.want, sent(t, override.Transport{}, c, test.set)); d != "" {
				t.Error(d)
			}
			// The base removed its headers; the next request must not notice.
			if d := diff(carried(), sent(t, override.Transport{}, c, http.Header{})); d != "" {
				t.Errorf("the carriers changed: %s", d)
			}
		})
	}
}

func TestTransportOnly(t *testing.T) {
	t.Parallel()
	c := override.Extract(carried().Values)
	for host, want := range map[string]int{"service-3": 2, "elsewhere": 0} {
		transport := override.Transport{Only: func(r *http.Request) bool { return r.URL.Host == host }}
		if got := sent(t, transport, c, http.Header{}); len(got) != want {
			t.Errorf("only %s: %v", host, got)
		}
	}
}

// TestRedirect checks the carriers at another host, with Transport and, as net/http does,
// without.
func TestRedirect(t *testing.T) {
	t.Parallel()
	var seen http.Header
	target := serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header }))
	redirect := serve(t, http.RedirectHandler(target, http.StatusFound))

	get(context.Background(), t, &http.Client{}, redirect, carried())
	if d := diff(carried(), only(seen)); d != "" {
		t.Errorf("set by hand: %s", d)
	}

	ctx := override.NewContext(context.Background(), override.Extract(carried().Values))
	get(ctx, t, &http.Client{Transport: &override.Transport{}}, redirect, nil)
	if d := diff(carried(), only(seen)); d != "" {
		t.Errorf("by Transport: %s", d)
	}

	here := func(r *http.Request) bool { return "http://"+r.URL.Host == redirect }
	get(ctx, t, &http.Client{Transport: &override.Transport{Only: here}}, redirect, nil)
	if got := only(seen); len(got) > 0 {
		t.Errorf("kept at home: %v", got)
	}
}

// TestMiddlewareReplaces: the carriers of a context don't apply to a request without any.
func TestMiddlewareReplaces(t *testing.T) {
	t.Parallel()
	outer := override.NewContext(context.Background(), override.Extract(carried().Values))
	called := false
	handler := override.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		called = true
		if c := override.FromContext(r.Context()); !c.IsZero() {
			t.Errorf("carriers %v", c)
		}
	}))
	handler.ServeHTTP(httptest.NewRecorder(), newRequest(outer, "/"))
	if !called {
		t.Error("next was not called")
	}
}

// TestMiddlewareKeepsWriter: a wrapped one would lose Flush, Hijack and the like.
func TestMiddlewareKeepsWriter(t *testing.T) {
	t.Parallel()
	recorder := httptest.NewRecorder()
	var got http.ResponseWriter
	handler := override.Middleware(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { got = w }))
	r := newRequest(context.Background(), "/")
	r.Header = carried()
	handler.ServeHTTP(recorder, r)
	if got != http.ResponseWriter(recorder) {
		t.Errorf("the handler was given a %T", got)
	}
}

// TestCarriersAreCopied: changes to the request don't change its carriers.
func TestCarriersAreCopied(t *testing.T) {
	t.Parallel()
	h := carried()
	c := override.Extract(h.Values)
	h["X-Override"][0] = "changed"
	out := http.Header{}
	c.AddTo(out)
	out["X-Override"][1] = "changed"
	again := http.Header{}
	c.AddTo(again)
	if d := diff(carried(), again); d != "" {
		t.Error(d)
	}
}

func TestExtractLeavesOutWhatHTTPCannotCarry(t *testing.T) {
	t.Parallel()
	h := http.Header{
		"X-Override": {"a:v1\r\nEvil: 1", "a:v2", "a:\x00", "a:\x7f", "a:v3\t;strict", "ü:v1"},
		"Baggage":    {"\n"},
	}
	var got []string
	override.Extract(h.Values).All()(func(name, line string) bool {
		got = append(got, name+": "+line)
		return true
	})
	want := []string{"x-override: a:v2", "x-override: a:v3\t;strict", "x-override: ü:v1"}
	if d := diff(want, got); d != "" {
		t.Error(d)
	}
}

func TestNew(t *testing.T) {
	t.Parallel()
	f, err := override.New(override.HeaderName("X-Route"), override.Also("x-override-token", "traceparent", "BAGGAGE"))
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{
		"X-Route": {"a:v2"}, "X-Override": {"b:v2"}, "Baggage": {"c=d"}, "X-Override-Token": {"t"}, "Traceparent": {"00-1"},
	}
	got := http.Header{}
	f.Middleware(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		override.FromContext(r.Context()).AddTo(got)
	})).ServeHTTP(nil, (&http.Request{Header: h}).WithContext(context.Background()))
	delete(h, "X-Override")
	if d := diff(h, got); d != "" {
		t.Error(d)
	}
	n := 0
	f.Extract(h.Values).All()(func(string, string) bool {
		n++
		return n < 100
	})
	if n != 4 {
		t.Errorf("%d lines, want 4: a header that is named twice counts once", n)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"", "x_override", "x override", "x-override:", "ünder", "Connection", "content-length", "Host"} {
		if _, err := override.New(override.HeaderName(name)); err == nil {
			t.Errorf("HeaderName(%q) is no error", name)
		}
		if _, err := override.New(override.Also(name)); err == nil {
			t.Errorf("Also(%q) is no error", name)
		}
	}
	if _, err := override.New(override.HeaderName("Baggage")); err == nil {
		t.Error("HeaderName(Baggage) is no error")
	}
}

type closer struct {
	http.RoundTripper
	closed bool
}

func (c *closer) CloseIdleConnections() { c.closed = true }

func TestCloseIdleConnections(t *testing.T) {
	t.Parallel()
	base := &closer{}
	(&http.Client{Transport: &override.Transport{Base: base}}).CloseIdleConnections()
	if !base.closed {
		t.Error("the connections of Base stay open")
	}
	(&override.Transport{Base: roundTripper(nil)}).CloseIdleConnections()
}
