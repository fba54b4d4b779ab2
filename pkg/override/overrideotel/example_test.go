package overrideotel_test

import (
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/overrides-mesh/overrides/pkg/override/overrideotel"
)

// The set-up of a service.
func Example() {
	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(
		propagation.TraceContext{}, overrideotel.Propagator{}))
	otel.SetTracerProvider(sdktrace.NewTracerProvider(
		sdktrace.WithSpanProcessor(overrideotel.SpanProcessor{Served: "service-3:v2"})))
	// Output:
}
