// Package overrideotel forwards overrides by OpenTelemetry, and records them in spans.
//
//	otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator(
//		propagation.TraceContext{}, overrideotel.Propagator{}))
//	sdktrace.NewTracerProvider(
//		sdktrace.WithSpanProcessor(overrideotel.SpanProcessor{Served: "service-3:v2"}))
//
// Input: the carriers of an incoming request or message, or the environment of a process,
// by OpenTelemetry's interface for them. Output: the same carriers in requests, and in the
// environments of other processes, and attributes of spans. The context has the carriers
// for package override too, so [override.Transport], queues and logs have them as well.
package overrideotel
