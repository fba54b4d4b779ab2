package source

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// fault is why a document can't be read.
type fault struct {
	// line counts the lines of the document from one; zero if it is not known.
	line    int
	message string
	// fix is a better advice than the general one; empty for that.
	fix string
}

var (
	faultLine    = regexp.MustCompile(`^line (\d+): `)
	duplicateKey = regexp.MustCompile(`^key (.*) already set in map`)
	anchorName   = regexp.MustCompile(`anchor '([^']*)'`)
	shortTag     = regexp.MustCompile(`as a (!!\w+)`)
)

// yamlFault says where and what err is. The parser gives the line of most
// errors, but not of all, and in two ways of counting: what its scanner finds
// it finds on the line given, what its parser finds is on the line after it.
func yamlFault(text []byte, err error) fault {
	message := strings.TrimPrefix(err.Error(), "yaml: ")
	if _, first, ok := strings.Cut(message, "unmarshal errors:\n"); ok {
		message, _, _ = strings.Cut(strings.TrimSpace(first), "\n")
	}
	f := fault{message: message}
	if m := faultLine.FindStringSubmatch(message); m != nil {
		n, _ := strconv.Atoi(m[1])
		f.line = editorLine(text, n)
		f.message = message[len(m[0]):]
	}
	lines := bytes.Split(text, []byte("\n"))
	switch key := duplicateKey.FindStringSubmatch(f.message); {
	case key != nil:
		f.message = "key " + key[1] + " is given twice"
		f.line = keyLine(lines, f.line, strings.Trim(key[1], `"`))
	case strings.HasPrefix(f.message, "did not find expected") && !strings.HasSuffix(f.message, "comment or line break"):
		f.line++
	case f.message == "could not find expected ':'":
		// Noticed when the scanner has gone on to the next token.
		f.line--
	case strings.HasPrefix(f.message, "mapping values are not allowed"), f.message == "found character that cannot start any token":
		f.line = max(f.line, 1)
	case f.line == 0:
		f.line = findFault(text, lines, f.message)
	}
	f.line = contentLine(lines, f.line)
	f.message = f.friendlier(lines)
	return f
}

// friendlier says in other words what people most often do wrong.
func (f fault) friendlier(lines [][]byte) string {
	if f.line > 0 {
		line := bytes.TrimLeft(lines[f.line-1], " ")
		if f.message == "found character that cannot start any token" && len(line) > 0 && line[0] == '\t' {
			return "the indentation has a tab, but YAML requires spaces"
		}
	}
	if strings.HasPrefix(f.message, "invalid map key") {
		return "a mapping or a list can't be a key"
	}
	return f.message
}

// keyLine corrects the line of a key given twice: the parser gives the line of
// the value, which may stand below its key.
func keyLine(lines [][]byte, line int, key string) int {
	for at := min(line, len(lines)); at > 0; at-- {
		text := strings.TrimLeft(string(lines[at-1]), " -\"'{,")
		if rest, ok := strings.CutPrefix(text, key); ok && strings.HasPrefix(strings.TrimLeft(rest, "\"' "), ":") {
			return at
		}
	}
	return line
}

// findFault looks for the line of an error that comes without one.
func findFault(text []byte, lines [][]byte, message string) int {
	wanted := ""
	switch {
	case strings.Contains(message, "UTF-8"):
		return lineOf(text, func(r rune, size int) bool { return r == utf8.RuneError && size == 1 })
	case strings.HasPrefix(message, "control characters"):
		return lineOf(text, isControl)
	case strings.HasPrefix(message, "invalid map key"):
		wanted = "{"
	case strings.HasPrefix(message, "map merge requires"):
		wanted = "<<"
	case strings.HasPrefix(message, "the number "):
		wanted = strings.Fields(message)[2]
	default:
		if m := anchorName.FindStringSubmatch(message); m != nil {
			wanted = "*" + m[1]
		} else if m := shortTag.FindStringSubmatch(message); m != nil {
			wanted = m[1]
		}
	}
	if wanted != "" {
		for i, line := range lines {
			if bytes.Contains(line, []byte(wanted)) {
				return i + 1
			}
		}
	}
	return 0
}

// isControl reports whether YAML does not allow a character (YAML 1.1 §4.1.1).
func isControl(r rune, size int) bool {
	return size == 1 && (r < ' ' && r != '\t' && r != '\n' && r != '\r' || r == 0x7f) || r >= 0x80 && r < 0xa0 && r != 0x85
}

func lineOf(text []byte, bad func(r rune, size int) bool) int {
	line := 1
	for i := 0; i < len(text); {
		r, size := utf8.DecodeRune(text[i:])
		if bad(r, size) {
			return line
		}
		if r == '\n' {
			line++
		}
		i += size
	}
	return 0
}

// contentLine returns the last line, up to the one given, that is neither
// blank nor a comment: errors at the end of a document are noticed after it.
func contentLine(lines [][]byte, line int) int {
	for at := min(line, len(lines)); at > 0; at-- {
		if text := bytes.TrimSpace(lines[at-1]); len(text) > 0 && text[0] != '#' {
			return at
		}
	}
	return min(line, len(lines))
}

// editorLine turns the number of a line as YAML 1.1 counts them, which takes
// U+0085, U+2028, U+2029 and a lone carriage return for line ends too, into
// the number that everybody else gives it.
func editorLine(text []byte, line int) int {
	editor := 1
	for i, r := range string(text) {
		if line <= 1 {
			break
		}
		switch {
		case r == '\n':
			line--
			editor++
		case r == '\u0085', r == '\u2028', r == '\u2029', r == '\r' && !bytes.HasPrefix(text[i:], []byte("\r\n")):
			line--
		}
	}
	// What is beyond the end stays so.
	return editor + max(line-1, 0)
}

// jsonFault says where and what a syntax error of JSON is.
func jsonFault(text []byte, err error) fault {
	f := fault{message: err.Error()}
	if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
		at := min(max(int(syntax.Offset)-1, 0), len(text))
		f.line = 1 + bytes.Count(text[:at], []byte("\n"))
	}
	return f
}

// brokenDocument is the diagnostic of a document that can't be read.
func brokenDocument(doc *document, origin diag.Origin, f fault) diag.Diagnostic {
	if f.line > 0 {
		origin.Line = doc.first + f.line - 1
	}
	d := diag.New(diag.BrokenDocument, diag.Object{}, "%s", f.message).At(origin)
	switch {
	case f.fix != "":
		d = d.WithFix("%s", f.fix)
	case bytes.Contains(doc.text, []byte("{{")):
		d = d.WithFix("render templates first, as in: helm template CHART | overrides generate -f -")
	case strings.Contains(f.message, "UTF-8"):
		d = d.WithFix("save the file as UTF-8")
	case strings.HasPrefix(f.message, "control characters"):
		d = d.WithFix("give a file of text, or remove the control characters from it")
	}
	return d
}

// jsonError is a syntax error of JSON.
func jsonError(text []byte) error {
	var raw json.RawMessage
	if err := json.Unmarshal(text, &raw); err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}
