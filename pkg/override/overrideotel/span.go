package overrideotel

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/overrides-mesh/overrides/pkg/override"
)

// SpanProcessor adds attributes to the spans of requests with an override, and to no
// others, when they start: [override.RequestedKey] to all, and [override.ServedKey] to
// those of servers and consumers.
type SpanProcessor struct {
	// Served is the service and version of this program, such as "service-3:v2". If it is
	// empty, spans do not have that attribute.
	Served string
}

var _ sdktrace.SpanProcessor = SpanProcessor{}

// OnStart adds the attributes.
func (p SpanProcessor) OnStart(parent context.Context, span sdktrace.ReadWriteSpan) {
	requested := override.FromContext(parent).Requested()
	if len(requested) == 0 {
		return
	}
	span.SetAttributes(attribute.StringSlice(override.RequestedKey, requested))
	kind := span.SpanKind()
	if p.Served != "" && (kind == trace.SpanKindServer || kind == trace.SpanKindConsumer) {
		span.SetAttributes(attribute.String(override.ServedKey, p.Served))
	}
}

// OnEnd does nothing.
func (SpanProcessor) OnEnd(sdktrace.ReadOnlySpan) {}

// Shutdown does nothing.
func (SpanProcessor) Shutdown(context.Context) error { return nil }

// ForceFlush does nothing.
func (SpanProcessor) ForceFlush(context.Context) error { return nil }
