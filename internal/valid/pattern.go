package valid

import (
	"regexp/syntax"
	"strings"
)

// MaxPattern is the maximum length of a regular expression in Istio, in bytes.
const MaxPattern = 1024

// regex follows validation.go: validateStringRegexp.
func (c *Checker) regex(at *path, pattern string) {
	if len(pattern) > MaxPattern {
		c.add(at, "the regular expression has %d bytes, but only %d are allowed", len(pattern), MaxPattern)
		return
	}
	if plain(pattern) {
		return
	}
	err, known := c.patterns[pattern]
	if !known {
		_, err = syntax.Parse(pattern, syntax.Perl)
		if c.patterns == nil {
			c.patterns = map[string]error{}
		}
		c.patterns[pattern] = err
	}
	if err != nil {
		c.add(at, "the regular expression does not compile: %v", err)
	}
}

// plain reports whether a pattern certainly compiles, since it consists only of
//
//	a 1 ,          characters that mean themselves
//	\. \t          … and escaped ones
//	.              any character
//	[^,;] [ \t]    classes of letters, digits and a few others
//	(?: | )        groups and alternatives
//	* + ?          repetition, of one of these
//
// All patterns of Overrides have this form, and there are very many of them: this takes a
// fiftieth of the time of compiling. False means nothing.
func plain(pattern string) bool {
	const deepest = 64
	depth, atom := 0, false // atom is set if a repetition may follow
	for i := 0; i < len(pattern); {
		b := pattern[i]
		if isAlnum(b) {
			atom = true
			i++
			continue
		}
		rest, size := pattern[i:], 1
		switch b {
		case '*', '+', '?':
			if !atom {
				return false
			}
			atom = false
		case '|':
			atom = false
		case '(':
			if !strings.HasPrefix(rest, "(?:") || depth == deepest {
				return false
			}
			size, atom = len("(?:"), false
			depth++
		case ')':
			if depth == 0 {
				return false
			}
			atom = true
			depth--
		case '[':
			if size = class(rest); size == 0 {
				return false
			}
			atom = true
		case '\\':
			if size = escaped(rest); size == 0 {
				return false
			}
			atom = true
		default:
			if b != '.' && b != '-' && !literal(b) {
				return false
			}
			atom = true
		}
		i += size
	}
	return depth == 0
}

// literal reports whether b means itself in a pattern and in a class.
func literal(b byte) bool {
	switch b {
	case ' ', ',', ';', ':', '=', '_', '/', '%', '@', '!', '"', '\'', '<', '>', '~', '&', '#':
		return true
	}
	return isAlnum(b)
}

// escaped returns the length of the escaped character that s begins with; 0 for others.
func escaped(s string) int {
	if len(s) < 2 || s[1] < ' ' || s[1] > '~' || (isAlnum(s[1]) && s[1] != 't') {
		return 0
	}
	return 2
}

// class returns the length of the class that s begins with; 0 if it is not plain.
func class(s string) int {
	i := len("[")
	if strings.HasPrefix(s, "[^") {
		i++
	}
	for first := i; i < len(s); {
		switch {
		case s[i] == ']' && i > first:
			return i + 1
		case s[i] == '\\':
			size := escaped(s[i:])
			if size == 0 {
				return 0
			}
			i += size
		case s[i] == '.' || literal(s[i]):
			i++
		default:
			return 0
		}
	}
	return 0
}
