package route

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// Op is how a StringMatch compares.
type Op string

const (
	// Present requires a value, whatever it is.
	Present Op = "present"
	// Exact compares the whole value.
	Exact Op = "exact"
	// Prefix compares the beginning.
	Prefix Op = "prefix"
	// PathPrefix compares the beginning of a path, in whole elements: "/a" is one of "/a" and
	// "/a/b", and not of "/ab".
	PathPrefix Op = "pathPrefix"
	// Regex matches the whole value with RE2.
	Regex Op = "regex"
)

// StringMatch compares one value.
type StringMatch struct {
	Op    Op     `json:"op"`
	Value string `json:"value,omitempty"`
}

// String returns s as in "is v1", "starts with /api", "matches .*", "is present".
func (s StringMatch) String() string {
	switch s.Op {
	case Exact:
		return fmt.Sprintf("is %q", s.Value)
	case Prefix:
		return fmt.Sprintf("starts with %q", s.Value)
	case PathPrefix:
		return fmt.Sprintf("is %q, or below it", s.Value)
	case Regex:
		return "matches " + s.Value
	case Present:
	}
	return "is present"
}

// Match reports whether value fits. A regular expression is matched as in Envoy: against
// the whole value, in UTF-8, so a value that is not valid UTF-8 fits none; an expression
// that does not compile fits nothing.
func (s StringMatch) Match(value string) bool {
	switch s.Op {
	case Exact:
		return value == s.Value
	case Prefix:
		return strings.HasPrefix(value, s.Value)
	case PathPrefix:
		rest, found := strings.CutPrefix(value, s.Value)
		return found && (rest == "" || rest[0] == '/' || strings.HasSuffix(s.Value, "/"))
	case Regex:
		re, err := regexp.Compile(`\A(?:` + s.Value + `)\z`)
		return err == nil && utf8.ValidString(value) && re.MatchString(value)
	case Present:
	}
	return true
}

// Match is a conjunction: a request fits if it fits every field that is set. Fields have
// the meaning of those in Istio's HTTPMatchRequest.
type Match struct {
	// Name and StatPrefix are for logs and metrics.
	Name       string
	StatPrefix string

	URI           *StringMatch
	IgnoreURICase bool
	Scheme        *StringMatch
	Method        *StringMatch
	Authority     *StringMatch
	// Headers must all fit. Their names are in any spelling; two that differ
	// only in case are two matchers of one header (see spelling.go).
	Headers Matchers
	// WithoutHeaders, with such names too, must all not fit; a missing header counts as an
	// empty one, except for Present.
	WithoutHeaders Matchers
	QueryParams    Matchers
	// Port is the Service's port, zero for any.
	Port uint32
	// SourceLabels and SourceNamespace must be those of the caller's pod.
	SourceLabels    map[string]string
	SourceNamespace string
}

// Request is one request as the caller's proxy sees it.
type Request struct {
	Method, Scheme, Authority string
	// Path may have a query.
	Path string
	// Port is the Service's port; zero if it is not known, which then fits every port.
	Port uint32
	// Header has lower-case names; several lines of one header are several values.
	Header map[string][]string
	Caller Caller
}

// Caller is the pod that makes a request.
type Caller struct {
	Namespace string
	Labels    map[string]string
}

// header returns the value that Envoy matches: all lines joined by a comma.
func (r *Request) header(name string) (string, bool) {
	name = strings.ToLower(name)
	switch name {
	case ":method":
		return r.Method, true
	case ":path":
		return r.Path, true
	case ":authority", "host":
		return r.Authority, true
	case ":scheme":
		return r.Scheme, true
	}
	values, ok := r.Header[name]
	return strings.Join(values, ","), ok && len(values) > 0
}

// claimPrefix begins the names of claims of tokens, which Istio matches like headers (pkg/jwt:
// ToRoutingClaim).
const claimPrefix = "@request.auth.claims"

// fits reports whether a header has a value that fits: of a claim, which may be a list, some text
// of it. A missing one counts as empty if missing is set.
func (r *Request) fits(m *Matcher, missing bool) (value string, fits bool) {
	value, exists := r.header(m.Name)
	if texts := r.Header[strings.ToLower(m.Name)]; len(texts) > 1 && strings.HasPrefix(m.Name, claimPrefix) {
		return value, slices.ContainsFunc(texts, m.Match)
	}
	return value, (exists || missing) && m.Match(value)
}

// Mismatch returns why request does not fit m, nil if it does.
func (m *Match) Mismatch(request *Request) *Mismatch {
	for _, check := range []func(*Request) *Mismatch{m.caller, m.pseudoHeaders, m.headers, m.withoutHeaders, m.query} {
		if reason := check(request); reason != nil {
			return reason
		}
	}
	return nil
}

// caller checks the conditions that istiod evaluates for each proxy, before any request.
func (m *Match) caller(request *Request) *Mismatch {
	if m.Port != 0 && request.Port != 0 && m.Port != request.Port {
		return &Mismatch{Field: Port, Want: exactly(fmt.Sprint(m.Port)), Got: fmt.Sprint(request.Port)}
	}
	if m.SourceNamespace != "" && m.SourceNamespace != request.Caller.Namespace {
		return &Mismatch{Field: SourceNamespace, Want: exactly(m.SourceNamespace), Got: request.Caller.Namespace}
	}
	for _, key := range slices.Sorted(maps.Keys(m.SourceLabels)) {
		if want, got := m.SourceLabels[key], request.Caller.Labels[key]; got != want {
			return &Mismatch{Field: SourceLabel, Name: key, Want: exactly(want), Got: got}
		}
	}
	return nil
}

func exactly(value string) StringMatch { return StringMatch{Op: Exact, Value: value} }

func (m *Match) pseudoHeaders(request *Request) *Mismatch {
	if reason := m.uri(request.Path); reason != nil {
		return reason
	}
	for _, c := range []struct {
		field Field
		match *StringMatch
		value string
	}{
		{Method, m.Method, request.Method},
		{Authority, m.Authority, request.Authority},
		{Scheme, m.Scheme, request.Scheme},
	} {
		if c.match != nil && !c.match.Match(c.value) {
			return &Mismatch{Field: c.field, Want: *c.match, Got: c.value}
		}
	}
	return nil
}

// uri compares the path without its query. Case is ignored in exact and prefix
// matches only, as in Envoy.
func (m *Match) uri(path string) *Mismatch {
	if m.URI == nil || m.URI.Op == Present {
		return nil
	}
	path, _, _ = strings.Cut(path, "?")
	path, _, _ = strings.Cut(path, "#")
	want, got := *m.URI, path
	if m.IgnoreURICase && want.Op != Regex {
		got, want.Value = strings.ToLower(got), strings.ToLower(want.Value)
	}
	if !want.Match(got) {
		return &Mismatch{Field: URI, Want: *m.URI, Got: path}
	}
	return nil
}

func (m *Match) headers(request *Request) *Mismatch {
	for _, want := range m.Headers {
		if value, fits := request.fits(&want, false); !fits {
			return &Mismatch{Field: Header, Name: strings.ToLower(want.Name), Want: want.StringMatch, Got: value}
		}
	}
	return nil
}

func (m *Match) withoutHeaders(request *Request) *Mismatch {
	for _, unwanted := range m.WithoutHeaders {
		if value, fits := request.fits(&unwanted, unwanted.Op != Present); fits {
			return &Mismatch{Field: Header, Name: strings.ToLower(unwanted.Name), Want: unwanted.StringMatch, Got: value, Negated: true}
		}
	}
	return nil
}

// query compares parameters as Envoy does: not decoded, and only the first of each name.
func (m *Match) query(request *Request) *Mismatch {
	if len(m.QueryParams) == 0 {
		return nil
	}
	params := queryParams(request.Path)
	for _, want := range m.QueryParams {
		value, ok := params[want.Name]
		if !ok || !want.Match(value) {
			return &Mismatch{Field: QueryParam, Name: want.Name, Want: want.StringMatch, Got: value}
		}
	}
	return nil
}

func queryParams(path string) map[string]string {
	_, query, _ := strings.Cut(path, "?")
	query, _, _ = strings.Cut(query, "#")
	params := map[string]string{}
	for pair := range strings.SplitSeq(query, "&") {
		name, value, _ := strings.Cut(pair, "=")
		if _, seen := params[name]; name != "" && !seen {
			params[name] = value
		}
	}
	return params
}
