package edge

import (
	"regexp"
	"strconv"
	"strings"
)

// values returns the value of a header that Envoy makes: extractions in CEL one after the
// other, as operators of Envoy's format strings. An extraction without a match is an error,
// and its text is empty. Envoy does not set a header to an empty text.
//
// Envoy's CEL is limited: "+" on strings is not evaluated, patterns must be small, and
// split(), replace() and lowerAscii() don't exist.
func values(list []extraction) string {
	var b strings.Builder
	for i := range list {
		b.WriteString("%CEL(" + list[i].expression() + ")%")
	}
	return b.String()
}

func (e *extraction) expression() string {
	source := "request.host"
	var conditions []string
	if e.unless != "" {
		conditions = append(conditions, "!("+quoted(e.unless)+" in request.headers)")
	}
	if e.page {
		source = "request.path"
		conditions = append(conditions, `request.method == "GET"`)
	}
	if e.header != "" {
		source = "request.headers[" + quoted(e.header) + "]"
		conditions = append(conditions, quoted(e.header)+" in request.headers")
	}
	for _, text := range e.contains {
		conditions = append(conditions, source+".contains("+quoted(text)+")")
	}
	if e.domain != "" {
		conditions = append(conditions, "("+source+".endsWith("+quoted(e.domain)+") || "+source+".contains("+quoted(e.domain+":")+"))")
	}
	result := "re.extract(" + source + ", " + quoted(e.pattern) + ", " + quoted(e.made) + ")"
	switch {
	case e.whole:
		result = source
	case e.cut != "":
		result = "(" + withoutParameter(e.cut) + ")"
	}
	return strings.Join(conditions, " && ") + " ? " + result + ` : ""`
}

// extract evaluates re.extract: it searches text for a pattern, and returns made with the
// groups that were found; empty if there is no match.
func extract(text, pattern, made string) string {
	found := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if found == nil {
		return ""
	}
	var pairs []string
	for i, group := range found {
		pairs = append(pairs, `\`+strconv.Itoa(i), group)
	}
	return strings.NewReplacer(pairs...).Replace(made)
}

// quoted returns a string literal of CEL. All strings here are visible ASCII.
func quoted(s string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
