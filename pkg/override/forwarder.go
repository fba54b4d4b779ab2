package override

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
)

// The carriers, unless others are configured.
const (
	// DefaultHeader is the name of the override header.
	DefaultHeader = "x-override"
	// BaggageHeader is the name of W3C Baggage. It is forwarded whole, including the
	// members that are not overrides.
	BaggageHeader = "baggage"
)

// Forwarder takes the carriers from requests. The package's functions use one for
// [DefaultHeader] and [BaggageHeader]; make one with [New] only for other headers.
// Several goroutines may use it.
type Forwarder struct {
	names []name
}

var standard = &Forwarder{names: []name{newName(DefaultHeader), newName(BaggageHeader)}}

// Option changes which headers a [Forwarder] takes.
type Option func(*Forwarder) error

// HeaderName is the option for a mesh whose override header is not [DefaultHeader]. Case
// is ignored.
func HeaderName(header string) Option {
	return func(f *Forwarder) error {
		if err := validate(header); err != nil {
			return err
		}
		if strings.EqualFold(header, BaggageHeader) {
			return errors.New("the header baggage is already a carrier")
		}
		f.names[0] = newName(header)
		return nil
	}
}

// Also is the option to forward more headers in the same way, such as the token with the
// allowed overrides, or those of tracing.
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

// New returns a Forwarder, or an error if an option has a header that can't be forwarded:
// one that is not an RFC 9110 token, contains "_" (proxies drop such headers or rewrite
// their names), or belongs to a single connection or message.
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

// Names returns the lower-case names of the headers that f takes, the override header
// first.
func (f *Forwarder) Names() []string {
	out := make([]string, len(f.names))
	for i, n := range f.names {
		out[i] = n.lower
	}
	return out
}

// Middleware returns a handler that calls next with the carriers of the request in its
// context, and with the same ResponseWriter.
func Middleware(next http.Handler) http.Handler { return standard.Middleware(next) }

// Middleware is [Middleware] with the headers of f.
func (f *Forwarder) Middleware(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Also if the request has none: carriers of the server's context must not apply
		// to a request without any.
		if c := f.fromHeader(r.Header); !c.IsZero() || !FromContext(r.Context()).IsZero() {
			r = r.WithContext(NewContext(r.Context(), c))
		}
		next.ServeHTTP(w, r)
	})
}

// fromHeader is Extract without allocations if it finds nothing.
func (f *Forwarder) fromHeader(h http.Header) Carriers {
	c := Carriers{header: f.names[0].lower}
	for _, n := range f.names {
		c.add(n, h[n.canonical])
	}
	return c
}

// Extract returns the carriers of a message. It calls values with the lower-case name of
// each header for that header's lines in order, as the methods Values of [http.Header]
// and Get of gRPC's metadata.MD return them. It skips lines that HTTP can't send, because
// they contain control characters: a bad message must not make requests fail.
func Extract(values func(name string) []string) Carriers { return standard.Extract(values) }

// Extract is [Extract] with the headers of f.
func (f *Forwarder) Extract(values func(name string) []string) Carriers {
	c := Carriers{header: f.names[0].lower}
	for _, n := range f.names {
		c.add(n, values(n.lower))
	}
	return c
}

// add copies the lines, since they belong to their message.
func (c *Carriers) add(n name, lines []string) {
	if len(lines) == 0 {
		return
	}
	kept := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !sendable(line) })
	if len(kept) > 0 {
		c.list = append(c.list, carrier{name: n, lines: kept})
	}
}

// sendable reports whether net/http sends line as the value of a header (RFC 9110 §5.5);
// otherwise the line makes the whole request fail.
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
		return fmt.Errorf(`header %q contains "_", which proxies drop or rewrite`, header)
	case slices.Contains(ofConnection(), strings.ToLower(header)):
		return fmt.Errorf("header %q belongs to a single connection or message", header)
	}
	for i := range len(header) {
		b := header[i]
		letter := 'a' <= b|0x20 && b|0x20 <= 'z'
		if !letter && (b < '0' || '9' < b) && !strings.ContainsRune("!#$%&'*+-.^`|~", rune(b)) {
			return fmt.Errorf("header %q is not a token: it contains %q", header, header[i:i+1])
		}
	}
	return nil
}

// ofConnection returns the headers that would break the next request instead of informing
// it.
func ofConnection() []string {
	return []string{
		"connection", "keep-alive", "proxy-authenticate", "proxy-authorization", "proxy-connection", "te", "trailer",
		"transfer-encoding", "upgrade", "http2-settings", "host", "expect", "range",
		"content-length", "content-type", "content-encoding", "content-range",
	}
}
