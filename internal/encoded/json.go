package encoded

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// value is a value of JSON.
type value struct {
	// kind is '{', '[' or '"', and 0 for other scalars.
	kind byte
	// key is that of an entry of a mapping.
	key string
	// text is a string or another scalar.
	text string
	// inner are the entries of a mapping or the elements of a sequence.
	inner []value
}

// reader reads JSON as [json.Marshal] writes it, without spaces. It stops at anything else, at
// wrong JSON, and at numbers that are not integers.
type reader struct {
	rest    string
	stopped bool
	// open are the values of the mappings and sequences that are open.
	open []value
}

// read reads one value.
func read(data []byte) (value, bool) {
	r := reader{rest: string(data)}
	v := r.value()
	return v, !r.stopped && r.rest == ""
}

func (r *reader) stop() { r.stopped, r.rest = true, "" }

// next takes a character, if it is the next one.
func (r *reader) next(c byte) bool {
	if r.rest == "" || r.rest[0] != c {
		return false
	}
	r.rest = r.rest[1:]
	return true
}

func (r *reader) value() value {
	switch {
	case r.next('{'):
		return r.collection('{', '}')
	case r.next('['):
		return r.collection('[', ']')
	case r.next('"'):
		return value{kind: '"', text: r.text()}
	}
	end := strings.IndexAny(r.rest, ",]}")
	if end < 0 {
		end = len(r.rest)
	}
	scalar := r.rest[:end]
	r.rest = r.rest[end:]
	if n, err := strconv.ParseInt(scalar, 10, 64); scalar != "true" && scalar != "false" && scalar != "null" &&
		(err != nil || strconv.FormatInt(n, 10) != scalar) {
		r.stop()
	}
	return value{text: scalar}
}

// collection reads a mapping or a sequence, after its opening bracket.
func (r *reader) collection(opening, closing byte) value {
	first := len(r.open)
	for more := !r.next(closing); more; more = !r.stopped && !r.next(closing) {
		if len(r.open) > first && !r.next(',') {
			r.stop()
		}
		key := ""
		if opening == '{' {
			if !r.next('"') {
				r.stop()
			}
			if key = r.text(); !r.next(':') {
				r.stop()
			}
		}
		v := r.value()
		v.key = key
		r.open = append(r.open, v)
	}
	out := value{kind: opening, inner: slices.Clone(r.open[first:])}
	r.open = r.open[:first]
	return out
}

// text reads a string, after its opening quote.
func (r *reader) text() string {
	for i := range len(r.rest) {
		switch c := r.rest[i]; {
		case c == '"':
			out := r.rest[:i]
			r.rest = r.rest[i+1:]
			return out
		case c == '\\':
			return r.escaped(i)
		case c < ' ', c > '~':
			r.stop()
			return ""
		}
	}
	r.stop()
	return ""
}

// escaped reads a string whose first escape is at an index.
func (r *reader) escaped(at int) string {
	for at < len(r.rest) && r.rest[at] != '"' {
		if r.rest[at] == '\\' {
			at++
		}
		at++
	}
	var out string
	if at >= len(r.rest) || json.Unmarshal([]byte(`"`+r.rest[:at+1]), &out) != nil {
		r.stop()
		return ""
	}
	r.rest = r.rest[at+1:]
	return out
}
