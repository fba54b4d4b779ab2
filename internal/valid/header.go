package valid

import (
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"
)

// isToken reports whether s is a header name (validation.go: validHeaderNameRegex, in
// which "+-." is a range, so that a comma is accepted too).
func isToken(s string) bool {
	for i := range len(s) {
		if !isAlnum(s[i]) && strings.IndexByte("!#$%&'*+,-.^_`|~", s[i]) < 0 {
			return false
		}
	}
	return s != ""
}

// headerOperations checks the changes of headers by a route or a destination.
func (c *Checker) headerOperations(at *path, h *istioapi.Headers) {
	if h == nil {
		return
	}
	headers := at.field("headers")
	for _, f := range [...]struct {
		name       string
		operations *istioapi.Headers_HeaderOperations
		request    bool
	}{{"request", h.GetRequest(), true}, {"response", h.GetResponse(), false}} {
		here := headers.field(f.name)
		c.headerValues(&here, "add", f.operations.GetAdd(), f.request)
		c.headerValues(&here, "set", f.operations.GetSet(), f.request)
		for i, name := range f.operations.GetRemove() {
			field := here.at("remove", i)
			c.changedName(&field, name, false)
		}
	}
}

func (c *Checker) headerValues(at *path, field string, values map[string]string, request bool) {
	for name, value := range values {
		here := at.under(field, name)
		c.changedName(&here, name, request)
		if why := badHeaderValue(value); why != "" {
			c.add(&here, "%s", why)
		}
	}
}

// changedName follows validation.go: ValidateHTTPHeaderOperationName, or
// ValidateHTTPHeaderWithAuthorityOperationName if the authority may be changed.
func (c *Checker) changedName(at *path, name string, authority bool) {
	switch {
	case name == "":
		c.add(at, "the name of a header must not be empty")
	case authority && isAuthority(name):
	case strings.HasPrefix(name, ":") || strings.EqualFold(name, "host"):
		c.add(at, "header %q can't be changed", name)
	}
}

// isAuthority follows virtualservice.go: isAuthorityHeader.
func isAuthority(name string) bool {
	return strings.EqualFold(name, ":authority") || strings.EqualFold(name, "host")
}

// badHeaderValue follows validation.go: ValidateHTTPHeaderValue.
func badHeaderValue(value string) string {
	for i := range len(value) {
		if b := value[i]; (b < ' ' && b != '\t') || b == 0x7f {
			return "the value of a header must not have control characters"
		}
	}
	if !strings.ContainsRune(value, '%') {
		return ""
	}
	return badFormat(value)
}

// format is a parser state within a header's value.
type format int

const (
	inText      format = iota
	inName             // %VAR
	beforeArray        // %VAR(
	beforeText         // %VAR([
	inString           // %VAR(["
	afterString        // %VAR(["x"
	afterArray         // %VAR(["x"]
	afterArgs          // %VAR(["x"])
)

// badFormat follows header_value_validator.go: validateHeaderValue, with its
// states: a "%" begins a variable, and "%%" is one.
func badFormat(value string) string {
	state := inText
	for i := 0; i < len(value); i++ {
		b, last := value[i], i+1 == len(value)
		switch {
		case state == inText && b == '%' && last:
			return "the value of a header ends in a single %"
		case state == inText && b == '%' && value[i+1] == '%':
			i++
		case state == inString && b == '\\' && last:
			return "the value of a header ends in a backslash"
		case state == inString && b == '\\':
			i++
		default:
			next, ok := state.next(b)
			if !ok {
				return "the value of a header has an unterminated or invalid variable"
			}
			state = next
		}
	}
	if state != inText {
		return "the value of a header has an unterminated variable"
	}
	return ""
}

// next returns the state after b; false if b is not allowed.
func (f format) next(b byte) (format, bool) {
	type step struct {
		on byte
		to format
	}
	var steps []step
	skips := b == ' ' // whether other characters are skipped
	switch f {
	case inText:
		steps, skips = []step{{'%', inName}}, true
	case inName:
		steps, skips = []step{{'%', inText}, {'(', beforeArray}}, true
	case beforeArray:
		if b != '[' && b != ' ' {
			return inString, true
		}
		steps = []step{{'[', beforeText}}
	case beforeText:
		steps = []step{{'"', inString}}
	case inString:
		steps, skips = []step{{')', afterArgs}, {'"', afterString}}, true
	case afterString:
		steps = []step{{',', beforeText}, {']', afterArray}}
	case afterArray:
		steps = []step{{')', afterArgs}}
	case afterArgs:
		steps = []step{{'%', inText}}
	}
	for _, s := range steps {
		if s.on == b {
			return s.to, true
		}
	}
	return f, skips
}
