package override

import (
	"context"
	"net/http"
	"slices"
	"strings"
)

// Carriers are the carriers of one request: for each header its lines as they
// came. A value never changes after it was made and may be used by several
// goroutines. The zero value has none.
type Carriers struct {
	list []carrier
}

type carrier struct {
	name  name
	lines []string
}

// name is that of a header: x-override and X-Override.
type name struct{ lower, canonical string }

func newName(s string) name {
	return name{lower: strings.ToLower(s), canonical: http.CanonicalHeaderKey(s)}
}

// IsZero reports whether c has no carrier. A header that came with an empty
// value is one.
func (c Carriers) IsZero() bool { return len(c.list) == 0 }

// All returns the lines of all carriers, each with the name of its header in
// lower-case. A name comes as often as it has lines; the order of these matters
// and is to be kept. It is what transports other than net/http add to a message.
//
// From Go 1.23 on the result is an iter.Seq2[string, string], to be used with range.
// In Go 1.22 it is called with a function, which returns true to go on.
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

// AddTo adds each carrier to h that h does not have already. A header that is
// there is left as it is, with as many lines as it has: with none, as after
// h["Baggage"] = nil, that carrier is not passed on.
func (c Carriers) AddTo(h http.Header) {
	for _, carrier := range c.list {
		if !has(h, carrier.name) {
			h[carrier.name.canonical] = slices.Clone(carrier.lines)
		}
	}
}

// has also finds a key that is not in canonical form: net/http would send both.
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

// NewContext returns a context that has c, in place of the carriers that ctx
// has. With the zero value what is done under it passes nothing on.
func NewContext(ctx context.Context, c Carriers) context.Context {
	if c.IsZero() && FromContext(ctx).IsZero() {
		return ctx
	}
	return context.WithValue(ctx, contextKey{}, c)
}

// FromContext returns the carriers that ctx has, or the zero value.
func FromContext(ctx context.Context) Carriers {
	c, _ := ctx.Value(contextKey{}).(Carriers)
	return c
}
