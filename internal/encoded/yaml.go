package encoded

import (
	"bytes"
	"cmp"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"
)

// toYAML returns JSON as one document of YAML.
func toYAML(data []byte) ([]byte, error) {
	if v, ok := read(data); ok && v.kind == '{' {
		p := printer{out: make([]byte, 0, len(data)+len(data)/4)}
		if p.mapping(v.inner, 0); !p.stopped {
			return append(p.out, '\n'), nil
		}
	}
	tree, err := Decode(data)
	if err != nil {
		return nil, err
	}
	return byLibrary(numbers(tree))
}

func byLibrary(value any) ([]byte, error) {
	var out bytes.Buffer
	encoder := yaml.NewEncoder(&out)
	encoder.SetIndent(2)
	encoder.CompactSeqIndent()
	if err := encoder.Encode(value); err != nil {
		return nil, err
	}
	return out.Bytes(), encoder.Close()
}

// printer prints values byte for byte as the library does. The library holds every event
// of a document until its end, and needs several times the time and ten times the memory.
//
// A string is printed unchanged if no rule of YAML can require quotes; the library
// decides about all others. The printer stops where the result may depend on more than
// the scalar: at long keys, characters outside ASCII, and empty lines at the end of a
// text.
type printer struct {
	out     []byte
	stopped bool
}

// value prints v. Its first line is already indented.
func (p *printer) value(v *value, indent int) {
	switch v.kind {
	case '{':
		p.mapping(v.inner, indent)
	case '[':
		p.sequence(v.inner, indent)
	case '"':
		p.text(v.text, indent)
	default:
		p.out = append(p.out, v.text...)
	}
}

// mapping prints entries, and sorts them.
func (p *printer) mapping(entries []value, indent int) {
	if len(entries) == 0 {
		p.out = append(p.out, "{}"...)
		return
	}
	slices.SortFunc(entries, func(a, b value) int { return compareKeys(a.key, b.key) })
	for i := range entries {
		v := &entries[i]
		if i > 0 {
			p.line(indent)
			p.stopped = p.stopped || v.key == entries[i-1].key
		}
		p.stopped = p.stopped || !isSimpleKey(v.key)
		p.text(v.key, indent)
		p.out = append(p.out, ':')
		inner := indent + 2
		if v.kind == '[' {
			inner = indent
		}
		p.nest(len(v.inner) > 0, inner)
		p.value(v, inner)
	}
}

// nest begins the value of a key, below or beside it.
func (p *printer) nest(below bool, indent int) {
	if below {
		p.line(indent)
	} else {
		p.out = append(p.out, ' ')
	}
}

func (p *printer) sequence(sequence []value, indent int) {
	if len(sequence) == 0 {
		p.out = append(p.out, "[]"...)
		return
	}
	for i := range sequence {
		if i > 0 {
			p.line(indent)
		}
		p.out = append(p.out, "- "...)
		p.value(&sequence[i], indent+2)
	}
}

func (p *printer) line(indent int) {
	p.out = append(p.out, '\n')
	for range indent {
		p.out = append(p.out, ' ')
	}
}

func (p *printer) text(s string, indent int) {
	switch quotesOf(s) {
	case 0:
		p.out = append(p.out, s...)
	case '"':
		p.out = append(append(append(p.out, '"'), s...), '"')
	case '\'':
		p.out = append(append(append(p.out, '\''), strings.ReplaceAll(s, "'", "''")...), '\'')
	default:
		p.ask(s, indent)
	}
}

// ask lets the library print a string. Lines after the first one are indented by indent.
func (p *printer) ask(s string, indent int) {
	if p.stopped || !isASCII(s) {
		p.stopped = true
		return
	}
	out, err := byLibrary([]any{s})
	if err != nil || bytes.HasSuffix(out, []byte("\n\n")) {
		p.stopped = true
		return
	}
	for i, line := range bytes.Split(bytes.TrimSuffix(out, []byte("\n")), []byte("\n")) {
		switch {
		case i == 0:
			line = line[len("- "):]
		case len(line) == 0:
			p.out = append(p.out, '\n')
		default:
			p.line(indent)
			line = line[len("  "):]
		}
		p.out = append(p.out, line...)
	}
}

// quotesOf returns the quotes that the library would put around s, as a key or a value: 0 for
// none, and '?' if that is not certain. A text without quotes does not look like a value of
// another type, and contains nothing with a meaning in YAML.
func quotesOf(s string) byte {
	switch {
	case s != "" && strings.Trim(s, "0123456789") == "":
		return '"'
	case s == "" || strings.IndexByte("+-.0123456789~<#,[]{}&*!|>'\"%@`?: ", s[0]) >= 0 || s[len(s)-1] == ' ' || isWord(s):
		return '?'
	}
	quotes := byte(0)
	for i := range len(s) {
		switch c := s[i]; {
		case c < ' ', c > '~':
			return '?'
		case c == ':' && (i+1 == len(s) || s[i+1] == ' '), c == '#' && s[i-1] == ' ':
			quotes = '\''
		}
	}
	return quotes
}

// isSimpleKey reports whether a key is certainly on the line of its value: it is short
// enough, and contains no line break of any kind.
func isSimpleKey(key string) bool {
	return len(key) <= 128 && isASCII(key) && !strings.Contains(key, "\n")
}

// isASCII reports whether text has only printable ASCII characters and line ends.
func isASCII(text string) bool {
	return !strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && (r < ' ' || r > '~') })
}

// isWord reports whether any version of YAML reads s as something other than a string.
func isWord(s string) bool {
	if len(s) > len("false") {
		return false
	}
	switch strings.ToLower(s) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return true
	}
	return false
}

// compareKeys orders ASCII keys of a mapping as the library does (sorter.go): numbers in
// them by value, and letters after other characters that are not digits.
func compareKeys(a, b string) int {
	same := 0
	for same < min(len(a), len(b)) && a[same] == b[same] {
		same++
	}
	if same == len(a) || same == len(b) {
		return cmp.Compare(len(a), len(b))
	}
	switch letter := isLetter(a[same]); {
	case letter && isLetter(b[same]):
		return cmp.Compare(a[same], b[same])
	case letter != isLetter(b[same]):
		if letter == (same > 0 && isDigit(a[same-1])) {
			return -1
		}
		return 1
	}
	// A zero within a number counts, one at its beginning does not.
	begins := same
	for begins > 0 && isDigit(a[begins-1]) {
		begins--
	}
	within := (a[same] == '0' || b[same] == '0') && strings.Trim(a[begins:same], "0") != ""
	x, xEnd := number(a, same, within)
	y, yEnd := number(b, same, within)
	return cmp.Or(cmp.Compare(x, y), cmp.Compare(xEnd, yEnd), cmp.Compare(a[same], b[same]))
}

// number reads the digits of text from an index on, and returns the index of their end.
func number(text string, at int, within bool) (int64, int) {
	value := int64(0)
	if within {
		value = 1
	}
	for ; at < len(text) && isDigit(text[at]); at++ {
		value = value*10 + int64(text[at]-'0')
	}
	return value, at
}

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' }

func isDigit(c byte) bool { return '0' <= c && c <= '9' }
