package override

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The carriers where nothing else is configured.
const (
	// DefaultHeader is the name of the override header.
	DefaultHeader = "x-override"
	// BaggageHeader is that of W3C Baggage, which is passed on whole, with the
	// members that have nothing to do with overrides.
	BaggageHeader = "baggage"
)

// Forwarder takes the carriers from requests. The package's functions use one
// for [DefaultHeader] and [BaggageHeader]; only who needs other headers makes one
// with [New]. It may be used by several goroutines.
type Forwarder struct {
	names []name
}

var standard = &Forwarder{names: []name{newName(DefaultHeader), newName(BaggageHeader)}}

// Option changes what a [Forwarder] takes.
type Option func(*Forwarder) error

// HeaderName is the option for a mesh whose override header has another name
// than [DefaultHeader]. Case is of no account.
func HeaderName(header string) Option {
	return func(f *Forwarder) error {
		if err := validate(header); err != nil {
			return err
		}
		if strings.EqualFold(header, BaggageHeader) {
			return errors.New("header baggage is a carrier already")
		}
		f.names[0] = newName(header)
		return nil
	}
}

// Also is the option to pass on further headers in the same way, such as the
// token that says which overrides are allowed, or those of tracing.
func Also(headers ...string) Option {
	return func(f *Forwarder) error {
		for _, header := range headers {
			if err := validate(header); err != nil {
				return err
			}
			f.names = append(f.names, newName(header))
		}
		return nil
	}
}

// New returns a Forwarder, or an error if an option names a header that can't be
// passed on: one that is no RFC 9110 token, holds "_" (proxies drop such headers
// or rewrite their names), or belongs to a single connection or message.
func New(options ...Option) (*Forwarder, error) {
	f := &Forwarder{names: slices.Clone(standard.names)}
	for _, option := range options {
		if err := option(f); err != nil {
			return nil, fmt.Errorf("configure override forwarding: %w", err)
		}
	}
	var once []name
	for _, n := range f.names {
		if !slices.Contains(once, n) {
			once = append(once, n)
		}
	}
	f.names = once
	return f, nil
}

// Middleware returns a handler that calls next with the carriers of the request
// in its context. It calls next with the ResponseWriter that it was given.
func Middleware(next http.Handler) http.Handler { return standard.Middleware(next) }

// Middleware is [Middleware] with the headers of f.
func (f *Forwarder) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Also where the request has none: a context that the server had before
		// must not lend its carriers to a request that came without.
		if c := f.fromHeader(r.Header); !c.IsZero() || !FromContext(r.Context()).IsZero() {
			r = r.WithContext(NewContext(r.Context(), c))
		}
		next.ServeHTTP(w, r)
	})
}

// fromHeader is Extract without the allocations of a lookup that finds nothing.
func (f *Forwarder) fromHeader(h http.Header) Carriers {
	var c Carriers
	for _, n := range f.names {
		c.add(n, h[n.canonical])
	}
	return c
}

// Extract returns the carriers of a message. It calls values with the name of
// each header, in lower-case, for the lines of that header in their order. The
// methods Values of [http.Header] and Get of gRPC's metadata.MD are such functions.
// Lines that HTTP can't carry, since they hold control characters, are left out:
// a bad message must not make requests fail.
func Extract(values func(name string) []string) Carriers { return standard.Extract(values) }

// Extract is [Extract] with the headers of f.
func (f *Forwarder) Extract(values func(name string) []string) Carriers {
	var c Carriers
	for _, n := range f.names {
		c.add(n, values(n.lower))
	}
	return c
}

// add copies the lines: they belong to the message that they came with.
func (c *Carriers) add(n name, lines []string) {
	if len(lines) == 0 {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !sendable(line) })
	if len(kept) > 0 {
		c.list = append(c.list, carrier{name: n, lines: kept})
	}
}

// sendable is what net/http sends as the value of a header (RFC 9110 §5.5); one
// line that it does not fails the whole request.
func sendable(line string) bool {
	for i := range len(line) {
		if b := line[i]; (b < ' ' && b != '\t') || b == 0x7f {
			return false
		}
	}
	return true
}

func validate(header string) error {
	switch {
	case header == "":
		return errors.New("header name is empty")
	case strings.Contains(header, "_"):
		return fmt.Errorf(`header %q holds "_", which proxies drop or rewrite`, header)
	case slices.Contains(ofConnection(), strings.ToLower(header)):
		return fmt.Errorf("header %q belongs to a single connection or message", header)
	}
	for i := range len(header) {
		b := header[i]
		letter := 'a' <= b|0x20 && b|0x20 <= 'z'
		if !letter && (b < '0' || '9' < b) && !strings.ContainsRune("!#$%&'*+-.^`|~", rune(b)) {
			return fmt.Errorf("header %q is no token: it holds %q", header, header[i:i+1])
		}
	}
	return nil
}

// ofConnection returns what would break the next request rather than inform it.
func ofConnection() []string {
	return []string{
		"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
		"transfer-encoding", "upgrade", "http2-settings", "host", "expect", "range",
		"content-length", "content-type", "content-encoding", "content-range",
	}
}
