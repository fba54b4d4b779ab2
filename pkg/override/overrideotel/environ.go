package overrideotel

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel"

	"github.com/overrides-mesh/overrides/pkg/override"
)

// Environ returns the environment of a program that is started for the request of ctx:
// base, a list of "NAME=value" as of [os.Environ], with TRACEPARENT, TRACESTATE, BAGGAGE,
// X_OVERRIDE and what else the global propagator injects, instead of those in base
// (OpenTelemetry, Environment Variables as Context Propagation Carriers).
func Environ(ctx context.Context, base []string) []string {
	propagator := otel.GetTextMapPropagator()
	injected := environment{}
	propagator.Inject(ctx, injected)
	replaced := map[string]bool{}
	for _, field := range propagator.Fields() {
		replaced[override.VariableName(field)] = true
	}
	var out []string
	for _, variable := range base {
		name, _, _ := strings.Cut(variable, "=")
		if _, again := injected[name]; !again && !replaced[name] {
			out = append(out, variable)
		}
	}
	for _, name := range injected.names() {
		out = append(out, name+"="+injected[name])
	}
	return out
}

// ExtractEnviron returns ctx with what the global propagator extracts from a list as of
// [os.Environ]: the trace, the baggage and the carriers of the request for which this
// program was started.
func ExtractEnviron(ctx context.Context, environ []string) context.Context {
	variables := environment{}
	for _, variable := range environ {
		name, value, _ := strings.Cut(variable, "=")
		variables[name] = value
	}
	return otel.GetTextMapPropagator().Extract(ctx, variables)
}

// environment is OpenTelemetry's carrier: environment variables by name.
type environment map[string]string

func (e environment) Get(key string) string { return e[override.VariableName(key)] }

func (e environment) Set(key, value string) { e[override.VariableName(key)] = value }

func (e environment) names() []string {
	names := make([]string, 0, len(e))
	for name := range e {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Keys returns the names of the variables in lower case. The headers that they are for are
// not known.
func (e environment) Keys() []string {
	var keys []string
	for name := range e {
		keys = append(keys, strings.ToLower(name))
	}
	return keys
}
