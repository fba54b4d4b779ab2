package prove

import (
	"slices"
	"strconv"
	"strings"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/mesh"
	"github.com/overrides-mesh/overrides/internal/route"
)

// request is a kind of ordinary request.
type request int

const (
	// plain requests carry no override at all.
	plain request = iota
	// others carry overrides, none of which the table follows.
	others
)

// requests holds the name of the override header.
type requests struct {
	// header is the name of the override header.
	header string
}

// meets returns the part of a match of Overrides that such a request is compared with, as
// text that is the same for equal matches; false if it can't fit. Istiod has already
// evaluated the conditions on callers and ports. A plain request fulfils the condition
// that it carries no override, which is left out; another one does not.
func (c requests) meets(r *mesh.Route, kind request) (string, bool) {
	if r.NeedsOverride {
		return "", false
	}
	m := r.Match
	var without route.Matchers
	for _, unwanted := range m.WithoutHeaders {
		if c.isOurs(unwanted.Name, unwanted.StringMatch) {
			if kind == others {
				return "", false
			}
			continue
		}
		without = append(without, unwanted)
	}
	return text(m, without), true
}

// isOurs reports whether a header must be absent because the row is not for requests with
// overrides.
func (c requests) isOurs(name string, unwanted route.StringMatch) bool {
	switch {
	case strings.EqualFold(name, c.header):
		return unwanted.Op == route.Present
	case !strings.EqualFold(name, grammar.BaggageHeader) || unwanted.Op != route.Regex:
		return false
	}
	return unwanted.Value == grammar.AnyBaggagePattern
}

// fits reports whether a request of a kind can fit a user's match, which may require a
// header that only overrides have.
func (c requests) fits(r *mesh.Route, kind request) bool {
	return kind == others || r.NeedsOverride || !mesh.NeedsOverride(r.Match, c.header)
}

// text writes a match: the text is the same for matches that fit the same requests, as
// far as this is visible in them.
func text(m *route.Match, without route.Matchers) string {
	var b strings.Builder
	one := func(what string, s *route.StringMatch) {
		if s != nil {
			write(&b, what, "", *s)
		}
	}
	if m.URI != nil && m.URI.Op != route.Present && (m.URI.Op != route.Prefix || m.URI.Value != "/") {
		write(&b, "path", strconv.FormatBool(m.IgnoreURICase && m.URI.Op != route.Regex), *m.URI)
	}
	one("method", m.Method)
	one("scheme", m.Scheme)
	one("authority", m.Authority)
	for _, f := range []struct {
		what string
		of   route.Matchers
	}{{"header", m.Headers}, {"without", without}, {"query", m.QueryParams}} {
		if len(f.of) == 0 {
			continue
		}
		var lines []string
		for _, s := range f.of {
			var line strings.Builder
			if f.what != "query" {
				s.Name = strings.ToLower(s.Name)
			}
			write(&line, f.what, s.Name, s.StringMatch)
			lines = append(lines, line.String())
		}
		slices.Sort(lines)
		for _, line := range slices.Compact(lines) {
			b.WriteString(line)
		}
	}
	return b.String()
}

func write(b *strings.Builder, what, name string, s route.StringMatch) {
	for _, part := range []string{what, name, string(s.Op), s.Value} {
		b.WriteString(strconv.Itoa(len(part)))
		b.WriteByte(':')
		b.WriteString(part)
	}
	b.WriteByte('\n')
}
