package route

import "fmt"

// Field is the part of a request that a [Mismatch] is about.
type Field string

// The fields of a [Match].
const (
	Port            Field = "port"
	SourceNamespace Field = "caller's namespace"
	SourceLabel     Field = "caller's label"
	URI             Field = "path"
	Method          Field = "method"
	Authority       Field = "authority"
	Scheme          Field = "scheme"
	Header          Field = "header"
	QueryParam      Field = "query parameter"
)

// Mismatch is the first reason why a request does not fit a [Match].
type Mismatch struct {
	Field Field
	// Name is the name of the header, the query parameter or the label; empty for other
	// fields.
	Name string
	// Want is the condition of the match. Ports, namespaces and labels are compared as
	// Exact.
	Want StringMatch
	// Got is the value of the request, empty if it has none.
	Got string
	// Negated is set if the value fits Want and must not (WithoutHeaders).
	Negated bool
}

// String returns m as in `method is not "GET"` or `header x is present`.
func (m *Mismatch) String() string {
	switch m.Field {
	case Port:
		return fmt.Sprintf("the port is %s, not %s", m.Got, m.Want.Value)
	case SourceNamespace:
		return "the caller is not in namespace " + m.Want.Value
	case SourceLabel:
		return fmt.Sprintf("the caller is not labelled %s=%s", m.Name, m.Want.Value)
	case URI, Method, Authority, Scheme, Header, QueryParam:
	}
	subject := string(m.Field)
	if m.Name != "" {
		subject += " " + m.Name
	}
	if m.Negated {
		return subject + " " + m.Want.String()
	}
	return subject + " " + m.Want.negation()
}

// negation returns the opposite of String, as in "is not v1" or "does not match .*".
func (s StringMatch) negation() string {
	switch s.Op {
	case Exact:
		return fmt.Sprintf("is not %q", s.Value)
	case Prefix:
		return fmt.Sprintf("does not start with %q", s.Value)
	case PathPrefix:
		return fmt.Sprintf("is not %q, nor below it", s.Value)
	case Regex:
		return "does not match " + s.Value
	case Present:
	}
	return "is not present"
}
