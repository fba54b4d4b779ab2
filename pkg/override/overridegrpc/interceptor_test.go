package overridegrpc_test

import (
	"context"
	"fmt"
	"reflect"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/overrides-mesh/overrides/pkg/override"
	"github.com/overrides-mesh/overrides/pkg/override/overridegrpc"
)

func unchanged(ctx context.Context) context.Context { return ctx }

// only returns the metadata that are carriers or the test's own.
func only(md metadata.MD) metadata.MD {
	out := metadata.MD{}
	for _, name := range []string{"x-override", "baggage", "x-shop-override", "own"} {
		if lines := md.Get(name); len(lines) > 0 {
			out[name] = lines
		}
	}
	return out
}

func compare(t *testing.T, want, got metadata.MD) {
	t.Helper()
	if got = only(got); !reflect.DeepEqual(want, got) {
		t.Errorf("want %v\n got %v", want, got)
	}
}

// TestForward sends calls of each kind through a service that makes a call of that kind.
func TestForward(t *testing.T) {
	t.Parallel()
	for kind, call := range kinds() {
		for name, test := range map[string]struct {
			sent   metadata.MD
			change func(context.Context) context.Context
			want   metadata.MD
		}{
			"all lines in order": {
				sent: metadata.MD{"x-override": {"service-3:v2, service-5:v2;strict", "service-4:v2"}, "baggage": {"user=alice,override.a=v1", "b=1"}},
				want: metadata.MD{"x-override": {"service-3:v2, service-5:v2;strict", "service-4:v2"}, "baggage": {"user=alice,override.a=v1", "b=1"}},
			},
			"none":       {want: metadata.MD{}},
			"not others": {sent: metadata.MD{"own": {"1"}}, want: metadata.MD{}},
			"program's stays": {
				sent: metadata.MD{"x-override": {"a:v1"}, "baggage": {"override.b=v1"}},
				change: func(ctx context.Context) context.Context {
					ctx = metadata.NewOutgoingContext(ctx, metadata.MD{"own": {"2"}})
					return metadata.AppendToOutgoingContext(ctx, "X-Override", "a:v9")
				},
				want: metadata.MD{"x-override": {"a:v9"}, "baggage": {"override.b=v1"}, "own": {"2"}},
			},
			"program sends none": {
				sent: metadata.MD{"x-override": {"a:v1"}, "baggage": {"b=1"}},
				change: func(ctx context.Context) context.Context {
					return metadata.NewOutgoingContext(ctx, metadata.MD{"x-override": nil})
				},
				want: metadata.MD{"baggage": {"b=1"}},
			},
			"dropped": {
				sent:   metadata.MD{"x-override": {"a:v1"}},
				change: func(ctx context.Context) context.Context { return override.NewContext(ctx, override.Carriers{}) },
				want:   metadata.MD{},
			},
			"what gRPC can't send": {
				change: func(ctx context.Context) context.Context {
					return override.NewContext(ctx, override.ExtractMap(map[string]string{"x-override": "a:v1,\tb:v1", "baggage": "name=é,override.c=v1,n=\xff"}))
				},
				want: metadata.MD{"x-override": {"a:v1, b:v1"}, "baggage": {"override.c=v1"}},
			},
		} {
			t.Run(kind+"/"+name, func(t *testing.T) {
				t.Parallel()
				last := &recorder{seen: make(chan metadata.MD, 1)}
				if test.change == nil {
					test.change = unchanged
				}
				first := serve(t, &forwarder{next: dial(t, serve(t, last), forwarding()...), change: test.change})
				ctx := metadata.NewOutgoingContext(context.Background(), test.sent)
				if err := call(ctx, dial(t, first)); err != nil {
					t.Fatal(err)
				}
				compare(t, test.want, <-last.seen)
			})
		}
	}
}

// TestTwice: interceptors that are installed twice add nothing twice.
func TestTwice(t *testing.T) {
	t.Parallel()
	for kind, call := range kinds() {
		last := &recorder{seen: make(chan metadata.MD, 1)}
		client := dial(t, serve(t, last), append(forwarding(), forwarding()...)...)
		ctx := override.NewContext(context.Background(), override.ExtractMap(map[string]string{"x-override": "a:v1"}))
		if err := call(ctx, client); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		compare(t, metadata.MD{"x-override": {"a:v1"}}, <-last.seen)
	}
}

// TestOtherHeader forwards a header of another name.
func TestOtherHeader(t *testing.T) {
	t.Parallel()
	f, err := override.New(override.HeaderName("x-shop-override"))
	if err != nil {
		t.Fatal(err)
	}
	for kind, call := range kinds() {
		last := &recorder{seen: make(chan metadata.MD, 1)}
		next := dial(t, serve(t, last), forwarding()...)
		first := serve(t, &forwarder{next: next, change: unchanged}, overridegrpc.WithForwarder(f))
		ctx := metadata.AppendToOutgoingContext(context.Background(), "x-shop-override", "a:v1", "x-override", "a:v2")
		if err := call(ctx, dial(t, first)); err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		compare(t, metadata.MD{"x-shop-override": {"a:v1"}}, <-last.seen)
	}
}

// TestServersOwnContext: carriers of a context from an earlier interceptor do not apply to
// a call without any.
func TestServersOwnContext(t *testing.T) {
	t.Parallel()
	outer := override.NewContext(context.Background(), override.ExtractMap(map[string]string{"x-override": "a:v1"}))
	_, err := overridegrpc.UnaryServerInterceptor()(outer, nil, nil, func(ctx context.Context, _ any) (any, error) {
		if c := override.FromContext(ctx); !c.IsZero() {
			t.Errorf("the handler has %v", c.Requested())
		}
		return nil, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	err = overridegrpc.StreamServerInterceptor()(nil, streamOf{ctx: outer}, nil, func(_ any, stream grpc.ServerStream) error {
		if c := override.FromContext(stream.Context()); !c.IsZero() {
			t.Errorf("the handler of a stream has %v", c.Requested())
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

type streamOf struct {
	grpc.ServerStream
	ctx context.Context
}

func (s streamOf) Context() context.Context { return s.ctx }

// TestNoneMixedUp makes many calls at once over the same connections; each has its own
// override, or none.
func TestNoneMixedUp(t *testing.T) {
	t.Parallel()
	const each = 200
	last := &recorder{seen: make(chan metadata.MD, 4*each)}
	client := dial(t, serve(t, &forwarder{next: dial(t, serve(t, last), forwarding()...), change: func(ctx context.Context) context.Context {
		// The number of the call comes along by itself, and not as a carrier.
		md, _ := metadata.FromIncomingContext(ctx)
		return metadata.AppendToOutgoingContext(ctx, "own", md.Get("own")[0])
	}}))
	var calls sync.WaitGroup
	for kind, call := range kinds() {
		for i := range each {
			calls.Add(1)
			go func() {
				defer calls.Done()
				number := fmt.Sprintf("%s-%d", kind[:3], i)
				ctx := metadata.AppendToOutgoingContext(context.Background(), "own", number)
				if i%2 == 0 {
					ctx = metadata.AppendToOutgoingContext(ctx, "x-override", "a:"+number)
				}
				if err := call(ctx, client); err != nil {
					t.Error(err)
				}
			}()
		}
	}
	calls.Wait()
	close(last.seen)
	with := 0
	for md := range last.seen {
		number, carrier := md.Get("own")[0], md.Get("x-override")
		var n int
		if _, err := fmt.Sscanf(number[4:], "%d", &n); err != nil {
			t.Fatal(err)
		}
		if n%2 == 0 && (len(carrier) != 1 || carrier[0] != "a:"+number) || n%2 == 1 && len(carrier) != 0 {
			t.Errorf("call %s has %v", number, carrier)
		}
		with += len(carrier)
	}
	if with != 2*each {
		t.Errorf("%d calls with a carrier, want %d", with, 2*each)
	}
}
