package edge

import (
	"strings"
)

// value returns the value of a header that Envoy makes: the extraction in CEL, as an
// operator of Envoy's format strings. Without a match there is an error, and Envoy does not
// set the header; the same holds for empty text.
//
// Envoy's CEL is limited: "+" on strings is not evaluated, matches() takes small patterns
// only, and split(), replace() and lowerAscii() don't exist.
func (e extraction) value() string {
	source := "request.host"
	var conditions []string
	if e.unless != "" {
		conditions = append(conditions, "!("+quoted(e.unless)+" in request.headers)")
	}
	if e.header != "" {
		source = "request.headers[" + quoted(e.header) + "]"
		conditions = append(conditions, quoted(e.header)+" in request.headers")
	}
	for _, text := range e.contains {
		conditions = append(conditions, source+".contains("+quoted(text)+")")
	}
	return "%CEL(" + strings.Join(conditions, " && ") + " ? re.extract(" + source + ", " + quoted(e.pattern) + ", " + quoted(e.made) + `) : "")%`
}

// quoted returns a string literal of CEL. All strings here are visible ASCII.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
