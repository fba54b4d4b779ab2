package overrideotel

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"

	"github.com/overrides-mesh/overrides/pkg/override"
)

// Propagator propagates the override header and baggage, and takes the place of
// [propagation.Baggage]. Unlike that, it reads all lines of baggage, and one member that
// can't be read does not lose the others. The zero value is ready to use.
type Propagator struct {
	// Forwarder has the names of the headers; nil means those of package override.
	Forwarder *override.Forwarder
}

var _ propagation.TextMapPropagator = Propagator{}

// Extract returns a context with the carriers and the baggage of carrier. It has no other
// carriers: those in ctx do not apply to this request.
func (p Propagator) Extract(ctx context.Context, carrier propagation.TextMapCarrier) context.Context {
	extract := override.Extract
	if p.Forwarder != nil {
		extract = p.Forwarder.Extract
	}
	c := extract(func(name string) []string { return values(carrier, name) })
	ctx = override.NewContext(ctx, c)
	if lines := c.Baggage(); len(lines) > 0 {
		if read := readBaggage(lines); read.Len() > 0 {
			return baggage.ContextWithBaggage(ctx, read)
		}
	}
	return ctx
}

// values returns all lines of a header, if the carrier has more than one.
func values(carrier propagation.TextMapCarrier, name string) []string {
	switch c := carrier.(type) {
	case propagation.HeaderCarrier: // which has no method Values before OpenTelemetry 1.36
		for key, lines := range c {
			if strings.EqualFold(key, name) {
				return lines
			}
		}
		return nil
	case interface{ Values(key string) []string }:
		return c.Values(name)
	}
	if line := carrier.Get(name); line != "" {
		return []string{line}
	}
	return nil
}

// readBaggage returns the members that the SDK can read, without properties where it can't
// read these: proxies ignore them. If there are more members than the SDK permits, it
// returns the overrides alone.
func readBaggage(lines []string) baggage.Baggage {
	var members, overrides []baggage.Member
	for _, text := range strings.Split(strings.Join(lines, ","), ",") {
		read, err := baggage.Parse(text)
		if item, _, found := strings.Cut(text, ";"); err != nil && found {
			read, err = baggage.Parse(item)
		}
		if err != nil {
			continue
		}
		for _, member := range read.Members() {
			members = append(members, member)
			if key := member.Key(); key == "override" || strings.HasPrefix(key, "override.") {
				overrides = append(overrides, member)
			}
		}
	}
	read, err := baggage.New(members...)
	if err != nil {
		read, _ = baggage.New(overrides...)
	}
	return read
}

// Inject sets the baggage of ctx, which has what the program has changed, and each other
// carrier of ctx that carrier does not have yet.
func (p Propagator) Inject(ctx context.Context, carrier propagation.TextMapCarrier) {
	propagation.Baggage{}.Inject(ctx, carrier)
	c := override.FromContext(ctx)
	if c.IsZero() {
		return
	}
	attributes := map[string]string{}
	c.AddToMap(attributes)
	delete(attributes, override.BaggageHeader)
	for _, key := range carrier.Keys() {
		delete(attributes, strings.ToLower(key))
	}
	for name, line := range attributes {
		// White space between members, but gRPC can't send a tab.
		carrier.Set(name, strings.ReplaceAll(line, "\t", " "))
	}
}

// Fields returns the names that Inject sets.
func (p Propagator) Fields() []string {
	if p.Forwarder != nil {
		return p.Forwarder.Names()
	}
	return []string{override.DefaultHeader, override.BaggageHeader}
}
