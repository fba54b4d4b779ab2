package overrideotel_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"reflect"
	"sort"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"

	"github.com/overrides-mesh/overrides/pkg/override"
	"github.com/overrides-mesh/overrides/pkg/override/overrideotel"
)

func propagator() propagation.TextMapPropagator {
	return propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, overrideotel.Propagator{})
}

// set adds a member to the baggage of a context, as a program does.
func set(ctx context.Context, key, value string) context.Context {
	member, err := baggage.NewMember(key, value)
	if err != nil {
		panic(err)
	}
	b, err := baggage.FromContext(ctx).SetMember(member)
	if err != nil {
		panic(err)
	}
	return baggage.ContextWithBaggage(ctx, b)
}

const parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

func TestPropagator(t *testing.T) {
	t.Parallel()
	many := make([]string, 200)
	for i := range many {
		many[i] = fmt.Sprintf("k%d=1", i)
	}
	for name, test := range map[string]struct {
		in      http.Header
		change  func(context.Context) context.Context
		out     http.Header // that the program has set
		want    []string    // lines of x-override
		members []string    // of baggage, sorted
	}{
		"both carriers": {
			in:      http.Header{"X-Override": {"service-3:v2, service-5:v2;strict", "a:v1"}, "Baggage": {"user=alice,override.b=v1", "override=pr-1,override.*.shop=pr-2"}},
			want:    []string{"service-3:v2, service-5:v2;strict, a:v1"},
			members: []string{"override.*.shop=pr-2", "override.b=v1", "override=pr-1", "user=alice"},
		},
		"none": {},
		"a member that the SDK can't read": {
			in:      http.Header{"Baggage": {"na me=x,override.a=v1,override.b=v1;\u00e9,\u00e9=1,user=b%20c"}},
			members: []string{"override.a=v1", "override.b=v1", "user=b%20c"},
		},
		"more members than the SDK permits": {
			in:      http.Header{"Baggage": {strings.Join(many, ",") + ",override.a=v1"}},
			members: []string{"override.a=v1"},
		},
		"the program's header stays": {
			in:   http.Header{"X-Override": {"a:v1"}},
			out:  http.Header{"X-Override": {"a:v9"}},
			want: []string{"a:v9"},
		},
		"the program sends none": {
			in:  http.Header{"X-Override": {"a:v1"}},
			out: http.Header{"X-Override": nil},
		},
		"the program changes baggage": {
			in:      http.Header{"Baggage": {"override.a=v1,user=alice"}},
			change:  func(ctx context.Context) context.Context { return set(set(ctx, "override.a", "v9"), "added", "1") },
			members: []string{"added=1", "override.a=v9", "user=alice"},
		},
		"the program removes baggage": {
			in:     http.Header{"Baggage": {"override.a=v1,user=alice"}, "X-Override": {"a:v1"}},
			change: baggage.ContextWithoutBaggage,
			want:   []string{"a:v1"},
		},
		"white space": {
			in:   http.Header{"X-Override": {"a:v1,\tb:v1"}},
			want: []string{"a:v1, b:v1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in := test.in.Clone()
			if in == nil {
				in = http.Header{}
			}
			in.Set("Traceparent", parent)
			ctx := propagator().Extract(context.Background(), propagation.HeaderCarrier(in))
			if test.change != nil {
				ctx = test.change(ctx)
			}
			out := test.out.Clone()
			if out == nil {
				out = http.Header{}
			}
			propagator().Inject(ctx, propagation.HeaderCarrier(out))
			if got := out["X-Override"]; len(got)+len(test.want) > 0 && !reflect.DeepEqual(test.want, got) {
				t.Errorf("x-override: want %q, got %q", test.want, got)
			}
			if got := members(out["Baggage"]); !reflect.DeepEqual(test.members, got) {
				t.Errorf("baggage: want %q, got %q", test.members, got)
			}
			if got := out.Get("Traceparent"); got != parent {
				t.Errorf("traceparent: %q", got)
			}
		})
	}
}

// members returns the members of baggage, sorted: the SDK does not keep their order.
func members(lines []string) []string {
	var out []string
	for _, line := range lines {
		out = append(out, strings.Split(line, ",")...)
	}
	sort.Strings(out)
	return out
}

// TestServersOwnContext: what a server's own context has does not apply to a request
// without carriers.
func TestServersOwnContext(t *testing.T) {
	t.Parallel()
	own := override.NewContext(context.Background(), override.ExtractMap(map[string]string{"x-override": "a:v1"}))
	out := http.Header{}
	propagator().Inject(propagator().Extract(own, propagation.HeaderCarrier{}), propagation.HeaderCarrier(out))
	if len(out) > 0 {
		t.Errorf("it sends %v", out)
	}
}

func TestOtherHeader(t *testing.T) {
	t.Parallel()
	f, err := override.New(override.HeaderName("x-shop-override"))
	if err != nil {
		t.Fatal(err)
	}
	p := overrideotel.Propagator{Forwarder: f}
	ctx := p.Extract(context.Background(), propagation.MapCarrier{"x-shop-override": "a:v1", "x-override": "b:v1"})
	out := propagation.MapCarrier{}
	p.Inject(ctx, out)
	if want := (propagation.MapCarrier{"x-shop-override": "a:v1"}); !reflect.DeepEqual(want, out) {
		t.Errorf("want %v, got %v", want, out)
	}
	if want := []string{"x-shop-override", "baggage"}; !reflect.DeepEqual(want, p.Fields()) {
		t.Errorf("fields: %v", p.Fields())
	}
}

// TestWithTransport: override.Transport below or above a client that injects sends each
// carrier once.
func TestWithTransport(t *testing.T) {
	t.Parallel()
	var seen http.Header
	last := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header }))
	t.Cleanup(last.Close)
	ctx := propagator().Extract(context.Background(), propagation.HeaderCarrier{
		"X-Override": {"a:v1"}, "Baggage": {"override.b=v1"},
	})
	ctx = set(ctx, "added", "1")
	for name, transport := range map[string]http.RoundTripper{
		"below": injecting{&override.Transport{}},
		"above": &override.Transport{Base: injecting{http.DefaultTransport}},
	} {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, last.URL, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		res, err := (&http.Client{Transport: transport}).Do(req)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.Copy(io.Discard, res.Body); err != nil {
			t.Fatal(err)
		}
		if err := res.Body.Close(); err != nil {
			t.Fatal(err)
		}
		if got := seen["X-Override"]; !reflect.DeepEqual([]string{"a:v1"}, got) {
			t.Errorf("%s: x-override %q", name, got)
		}
		if got := members(seen["Baggage"]); !reflect.DeepEqual([]string{"added=1", "override.b=v1"}, got) {
			t.Errorf("%s: baggage %q", name, got)
		}
	}
}

// injecting is what instrumented clients do, such as otelhttp's.
type injecting struct{ base http.RoundTripper }

func (i injecting) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context())
	propagator().Inject(r.Context(), propagation.HeaderCarrier(r.Header))
	return i.base.RoundTrip(r)
}
