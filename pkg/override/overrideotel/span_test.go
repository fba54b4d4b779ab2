package overrideotel_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	oteltrace "go.opentelemetry.io/otel/trace"

	"github.com/overrides-mesh/overrides/pkg/override"
	"github.com/overrides-mesh/overrides/pkg/override/overrideotel"
)

// attributesOf starts a span for a request with attributes, and returns the span's.
func attributesOf(carriers map[string]string, kind oteltrace.SpanKind, served string) string {
	recorder := tracetest.NewSpanRecorder()
	provider := trace.NewTracerProvider(
		trace.WithSpanProcessor(overrideotel.SpanProcessor{Served: served}), trace.WithSpanProcessor(recorder))
	ctx := override.NewContext(context.Background(), override.ExtractMap(carriers))
	_, span := provider.Tracer("test").Start(ctx, "request", oteltrace.WithSpanKind(kind))
	span.End()
	_ = provider.ForceFlush(ctx)
	_ = provider.Shutdown(ctx)
	out := ""
	for _, a := range recorder.Ended()[0].Attributes() {
		out += fmt.Sprintf("%s=%s ", a.Key, a.Value.Emit())
	}
	return out
}

func TestSpans(t *testing.T) {
	t.Parallel()
	asked := map[string]string{"x-override": "service-3:v2", "baggage": "user=a,override=pr-1"}
	got := []string{
		attributesOf(asked, oteltrace.SpanKindServer, "service-3:v2"),
		attributesOf(asked, oteltrace.SpanKindConsumer, "service-3:v2"),
		attributesOf(asked, oteltrace.SpanKindClient, "service-3:v2"),
		attributesOf(asked, oteltrace.SpanKindServer, ""),
		attributesOf(map[string]string{"baggage": "user=a"}, oteltrace.SpanKindServer, "service-3:v2"),
		attributesOf(nil, oteltrace.SpanKindServer, "service-3:v2"),
	}
	const requested, served = `override.requested=["service-3:v2","*:pr-1"] `, `override.served=service-3:v2 `
	if want := []string{requested + served, requested + served, requested, requested, "", ""}; !reflect.DeepEqual(want, got) {
		t.Errorf("want %q\n got %q", want, got)
	}
}
