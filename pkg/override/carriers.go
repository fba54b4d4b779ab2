package override

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// Carriers are the carriers of one request: each header's lines, as received. A value
// never changes, and several goroutines may use it. The zero value has none.
type Carriers struct {
	list []carrier
	// header is the lower-case name of the override header in list.
	header string
}

type carrier struct {
	name  name
	lines []string
}

// name is the name of a header: x-override and X-Override.
type name struct{ lower, canonical string }

func newName(s string) name {
	return name{lower: strings.ToLower(s), canonical: http.CanonicalHeaderKey(s)}
}

// IsZero reports whether c has no carrier. A header that was received with an empty value
// is one.
func (c Carriers) IsZero() bool { return len(c.list) == 0 }

// All returns the lines of all carriers, each with the lower-case name of its header. A
// name occurs once per line; keep the order of the lines, which matters. Transports other
// than net/http add these lines to a message.
//
// From Go 1.23 on the result is an iter.Seq2[string, string], for use with range. In Go
// 1.22, call it with a function that returns true to continue.
func (c Carriers) All() func(yield func(name, line string) bool) {
	return func(yield func(string, string) bool) {
		for _, carrier := range c.list {
			for _, line := range carrier.lines {
				if !yield(carrier.name.lower, line) {
					return
				}
			}
		}
	}
}

// Override returns the lines of the override header, whatever its name. The caller must
// not change them.
func (c Carriers) Override() []string { return c.lines(c.header) }

// Baggage returns the lines of the baggage header. The caller must not change them.
func (c Carriers) Baggage() []string { return c.lines(BaggageHeader) }

func (c Carriers) lines(lower string) []string {
	for _, carrier := range c.list {
		if carrier.name.lower == lower {
			return carrier.lines
		}
	}
	return nil
}

// AddTo adds to h each carrier that h does not have yet. It leaves a header that h has
// unchanged, whatever its number of lines: without lines, as after h["Baggage"] = nil,
// that carrier is not forwarded.
func (c Carriers) AddTo(h http.Header) {
	for _, carrier := range c.list {
		if !has(h, carrier.name) {
			h[carrier.name.canonical] = slices.Clone(carrier.lines)
		}
	}
}

// has also finds keys that are not in canonical form, since net/http would send both.
func has(h http.Header, n name) bool {
	if _, ok := h[n.canonical]; ok {
		return true
	}
	for key := range h {
		if len(key) == len(n.canonical) && strings.EqualFold(key, n.canonical) {
			return true
		}
	}
	return false
}

type contextKey struct{}

// NewContext returns a context with c, instead of the carriers of ctx. With the zero
// value, requests under it forward nothing.
func NewContext(ctx context.Context, c Carriers) context.Context {
	if c.IsZero() && FromContext(ctx).IsZero() {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, c)
}

// FromContext returns the carriers of ctx, or the zero value.
func FromContext(ctx context.Context) Carriers {
	c, _ := ctx.Value(contextKey{}).(Carriers)
	return c
}
