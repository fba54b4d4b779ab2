package overrideotel_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"reflect"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"

	"github.com/overrides-mesh/overrides/pkg/override"
	"github.com/overrides-mesh/overrides/pkg/override/overrideotel"
)

// TestMain sets the global propagator, which Environ uses.
func TestMain(m *testing.M) {
	otel.SetTextMapPropagator(propagator())
	os.Exit(m.Run())
}

func TestEnviron(t *testing.T) {
	t.Parallel()
	ctx := propagator().Extract(context.Background(), propagation.HeaderCarrier{
		"Traceparent": {parent}, "Tracestate": {"a=1"}, "X-Override": {"a:v1", "b:v1"}, "Baggage": {"override.c=v1"},
	})
	base := []string{"PATH=/bin", "TRACEPARENT=old", "X_OVERRIDE=old:v1", "BAGGAGE=old=1"}
	environ := overrideotel.Environ(ctx, base)
	want := []string{"PATH=/bin", "BAGGAGE=override.c=v1", "TRACEPARENT=" + parent, "TRACESTATE=a=1", "X_OVERRIDE=a:v1, b:v1"}
	if !reflect.DeepEqual(want, environ) {
		t.Errorf("want %q\n got %q", want, environ)
	}
	if got := overrideotel.Environ(context.Background(), base); !reflect.DeepEqual([]string{"PATH=/bin"}, got) {
		t.Errorf("a request without anything: %q", got)
	}

	// The started program, in both ways.
	started := overrideotel.ExtractEnviron(context.Background(), environ)
	out := http.Header{}
	propagator().Inject(started, propagation.HeaderCarrier(out))
	sent := http.Header{"Traceparent": {parent}, "Tracestate": {"a=1"}, "X-Override": {"a:v1, b:v1"}, "Baggage": {"override.c=v1"}}
	if !reflect.DeepEqual(sent, out) {
		t.Errorf("it sends %v, want %v", out, sent)
	}
	if got := override.ExtractEnviron(environ).Requested(); !reflect.DeepEqual([]string{"a:v1", "b:v1", "c:v1"}, got) {
		t.Errorf("a program without OpenTelemetry reads %v", got)
	}
}

// A Job that is started for a request: what its containers get, and what it does with it.
func ExampleEnviron() {
	request := propagation.MapCarrier{"x-override": "service-3:v2"}
	ctx := otel.GetTextMapPropagator().Extract(context.Background(), request)

	environ := overrideotel.Environ(ctx, nil)
	fmt.Println(environ)

	ctx = overrideotel.ExtractEnviron(context.Background(), environ) // in the Job: os.Environ()
	fmt.Println(override.FromContext(ctx).Requested())
	// Output:
	// [X_OVERRIDE=service-3:v2]
	// [service-3:v2]
}
