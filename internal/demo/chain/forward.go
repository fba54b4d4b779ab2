package chain

import (
	"fmt"
	"net/http"
	"strings"
)

// Forward lists the headers that a service passes on, in canonical form.
type Forward []string

// NewForward returns the carriers, the tracing headers, and those in also. It returns an
// error if one of these is not a header name.
func NewForward(also ...string) (Forward, error) {
	f := standard()
	for _, name := range also {
		if !isToken(name) {
			return nil, fmt.Errorf("forward header %q: its name is not a token", name)
		}
		f = append(f, http.CanonicalHeaderKey(name))
	}
	return f, nil
}

// ForwardInstead returns a header instead of the carriers, and the tracing headers.
func ForwardInstead(name string) Forward {
	return append(Forward{http.CanonicalHeaderKey(name)}, standard()[2:]...)
}

func standard() Forward {
	return Forward{"X-Override", "Baggage", "X-Request-Id", "Traceparent", "Tracestate"}
}

// from returns the headers of h that are passed on, with all their lines.
func (f Forward) from(h http.Header) http.Header {
	out := http.Header{}
	for _, name := range f {
		if lines, ok := h[name]; ok {
			out[name] = lines
		}
	}
	return out
}

// isToken reports whether s is a token of RFC 9110 §5.6.2.
func isToken(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		letter := 'a' <= r|0x20 && r|0x20 <= 'z'
		return !letter && (r < '0' || '9' < r) && !strings.ContainsRune("!#$%&'*+-.^_`|~", r)
	})
}
