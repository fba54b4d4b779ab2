// Code generated from internal/grammar by its tests (-update); DO NOT EDIT.

package grammar

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Error describes a fault of one member of a carrier, or of a carrier as a whole.
type Error struct {
	// Member counts from 1 over the members of all lines; 0 means the whole header.
	Member int
	// Offset is the byte at which the member starts in its line.
	Offset int
	// Text is the member, without the white space around it.
	Text string
	// Reason describes the fault.
	Reason string
}

// Error returns `member 2: "text": reason`, with a long text shortened.
func (e *Error) Error() string {
	where := "header: "
	if e.Member > 0 {
		where = "member " + strconv.Itoa(e.Member) + ": "
	}
	if e.Text != "" {
		where += quote(e.Text) + ": "
	}
	return where + e.Reason
}

// Parse reads the override header, given the values of all its lines in order.
// It returns every well-formed member, in order, and an [errors.Join] of
// *[Error] for everything else:
//
//	a malformed or empty member     is left out
//	a second member for a subject   is returned too: route order decides
//	more than MaxHeaderBytes        all members are returned: proxies follow them
//	invalid UTF-8 in any line       no members are returned: not all proxies follow them
//	nothing but white space         no members
//
// No lines at all are no members and no error.
func Parse(values ...string) ([]Member, error) {
	return collect(nil, values, parseOverride)
}

// AppendMembers is [Parse] for a single line: it appends the members to dst. Members are
// substrings of value, so a well-formed value of up to 32 members needs no allocation if
// dst has enough capacity.
func AppendMembers(dst []Member, value string) ([]Member, error) {
	return collect(dst, []string{value}, parseOverride)
}

// collect appends to dst the results of parse for the list members in lines. It ignores
// those that parse does not claim; if there are no others, the header as a whole has no
// fault either.
func collect(dst []Member, lines []string, parse func(string) (m Member, own bool, err error)) ([]Member, error) {
	var (
		errs  []error
		found bool
		known = ledger{members: dst, start: len(dst)}
	)
	for w := (walk{}); w.next(lines); {
		m, own, err := parse(w.text)
		if !own {
			continue
		}
		found = true
		if err == nil {
			err = known.add(m)
		}
		if err != nil {
			errs = append(errs, &Error{Member: w.number, Offset: w.start, Text: w.text, Reason: err.Error()})
		}
	}
	if !found {
		return dst, nil
	}
	if err := checkUTF8(lines); err != nil {
		return dst, errors.Join(err)
	}
	if err := checkLength(lines); err != nil {
		errs = append([]error{err}, errs...)
	}
	if len(known.members) == known.start && blank(lines) {
		errs = []error{&Error{Reason: "empty"}}
	}
	return known.members, errors.Join(errs...)
}

// parseOverride reads one member of the override header, in which every member is an
// override.
func parseOverride(text string) (Member, bool, error) {
	m, err := parseMember(text)
	if err != nil {
		if meant := repaired(text); meant != "" {
			err = fmt.Errorf("%w; did you mean %s?", err, quote(meant))
		}
	}
	return m, true, err
}

func parseMember(text string) (Member, error) {
	if text == "" {
		return Member{}, errors.New("empty")
	}
	if err := checkBytes(text); err != nil {
		return Member{}, err
	}
	head, rest, more := strings.Cut(text, ";")
	name, version, found := strings.Cut(trim(head), ":")
	if !found {
		return Member{}, errors.New(`no ":", want service:version or service.namespace:version`)
	}
	m, err := named(name, version)
	for err == nil && more {
		var parameter string
		parameter, rest, more = strings.Cut(rest, ";")
		err = m.set(trim(parameter))
	}
	if err == nil && m.IsSet() {
		err = m.validateSet()
	}
	return m, err
}

// named returns a member without parameters, from "service[.namespace]" and a version.
func named(name, version string) (Member, error) {
	m := Member{Version: version}
	var dotted bool
	m.Service, m.Namespace, dotted = strings.Cut(name, ".")
	if dotted && m.Namespace == "" {
		return Member{}, ValidateNamespace(m.Namespace)
	}
	return m, m.validate()
}

// set reads one parameter into m.
func (m *Member) set(parameter string) error {
	key, value, valued := strings.Cut(parameter, "=")
	switch {
	case parameter == "":
		return errors.New(`empty parameter after ";"`)
	case key == "strict" && valued:
		return errors.New("parameter strict takes no value")
	case key == "strict" && m.Strict, key == "from" && m.From != "", key == "method" && m.Method != "":
		return fmt.Errorf("parameter %s is given twice", key)
	case (key == "from" || key == "method") && value == "":
		return fmt.Errorf("parameter %s needs a value", key)
	case key == "strict":
		m.Strict = true
		return nil
	case key == "from":
		m.From = value
		return ValidateCaller(value)
	case key == "method":
		m.Method = value
		return ValidateMethod(value)
	}
	return fmt.Errorf("unknown parameter %s, want from, method or strict", quote(key))
}

// walk iterates over the list members in the lines of a header: the texts between commas.
// Commas always separate, quotes have no meaning.
//
// The lines are not a field: the compiler would then assume that they are kept together
// with the text, and AppendMembers would have to allocate them.
type walk struct {
	line int // the present line
	at   int // where the next member begins in it; beyond its end if there is none

	text   string // the member, without white space around it
	number int    // its number over all lines, from 1
	start  int    // where it begins in its line
}

// next moves to the next list member, and returns false after the last.
func (w *walk) next(lines []string) bool {
	for ; w.line < len(lines); w.line, w.at = w.line+1, 0 {
		if line := lines[w.line]; w.at <= len(line) {
			text, _, _ := strings.Cut(line[w.at:], ",")
			w.text = trim(text)
			w.start = w.at + len(text) - len(trimLeft(text))
			w.at += len(text) + len(",")
			w.number++
			return true
		}
	}
	return false
}

// checkBytes rejects characters that no member may contain.
func checkBytes(text string) error {
	for i := range len(text) {
		switch b := text[i]; {
		case b == '"':
			return errors.New("quoted strings are not part of the grammar")
		case b < ' ' && b != '\t', b >= 0x7f:
			return fmt.Errorf("byte 0x%02x, only visible ASCII is allowed", b)
		}
	}
	return nil
}

// checkUTF8 returns an error if proxies disagree about the header. A pattern must match
// the whole value. Envoy's RE2 reads it as UTF-8 up to 1.38, where nothing matches an
// invalid byte, and as bytes from 1.39 on. For valid UTF-8 the patterns match alike in
// both.
func checkUTF8(lines []string) error {
	for _, line := range lines {
		if utf8.ValidString(line) {
			continue
		}
		for i, r := range line {
			if _, size := utf8.DecodeRuneInString(line[i:]); r == utf8.RuneError && size == 1 {
				return &Error{Offset: i, Reason: fmt.Sprintf("byte 0x%02x is not UTF-8, not all proxies follow the other members", line[i])}
			}
		}
	}
	return nil
}

func checkLength(lines []string) error {
	length := len(lines) - 1 // the commas that join them
	for _, line := range lines {
		length += len(line)
	}
	if length <= MaxHeaderBytes {
		return nil
	}
	return &Error{Reason: fmt.Sprintf("%d bytes, more than the %d that are passed on everywhere", length, MaxHeaderBytes)}
}

func blank(lines []string) bool {
	for _, line := range lines {
		if trim(line) != "" {
			return false
		}
	}
	return true
}

// trim removes optional white space (RFC 9110 §5.6.3: SP and HTAB) on both sides.
func trim(s string) string { return trimRight(trimLeft(s)) }

func trimLeft(s string) string {
	for s != "" && isSpace(s[0]) {
		s = s[1:]
	}
	return s
}

func trimRight(s string) string {
	for s != "" && isSpace(s[len(s)-1]) {
		s = s[:len(s)-1]
	}
	return s
}

func isSpace(b byte) bool { return b == ' ' || b == '\t' }

// quote quotes text for a message, in ASCII, and shortens it.
func quote(text string) string {
	const most = 80
	if len(text) > most {
		return strconv.QuoteToASCII(text[:most]) + "..."
	}
	return strconv.QuoteToASCII(text)
}
