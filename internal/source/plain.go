package source

import (
	"bytes"
	"slices"
	"strings"
)

// plain converts documents of the YAML that manifests are mostly written in, an order of
// magnitude faster than the library does, and stops at anything else, which is left to the
// library with the whole document:
//
//	what is read              as far as
//	------------------------  ------------------------------------------------------------------
//	mappings and sequences    in block style, of lines that are indented by spaces
//	keys                      of letters, digits and -_./ that can be no other value, or quoted
//	scalars                   of one line; the library decides about those that may be no strings
//	{…} and […]               of one line; the library reads those that are not simple
//	| and |-                  with an indentation that the first line says
//	comments                  of a whole line, or after a value
//
// Anchors, aliases, tags, folded texts, scalars of several lines, keys given twice, tabs,
// carriage returns and characters other than those of ASCII are left to the library, as is
// everything that is wrong. What is converted is byte for byte what the library's document
// becomes, which a fuzz test watches over.
type plain struct {
	encoder

	source []byte
	// line is the line that is read, without its indentation, or what is left of it; nil at
	// the end. The next one begins at next.
	line   []byte
	indent int
	next   int
	// entries are those of the mappings that are open, innermost last.
	entries []plainEntry
	depth   int
	stopped bool
}

// plainEntry is an entry of a mapping, at a place in the output.
type plainEntry struct {
	key        string
	start, end int
}

// maxPlainKey is below what makes a key of YAML too long, maxPlainDepth below what
// makes a document too deep.
const (
	maxPlainKey   = 128
	maxPlainDepth = 64
)

// plainToJSON converts a document, if it is plain.
func plainToJSON(text []byte) ([]byte, bool) {
	var entries [32]plainEntry
	p := plain{source: text, entries: entries[:0]}
	p.max = 16*len(text) + 1<<20
	for _, c := range text {
		if c != '\n' && (c < ' ' || c > '~') {
			return nil, false
		}
	}
	p.out = make([]byte, 0, len(text)+len(text)/4)
	p.advance()
	if p.indent == 0 && string(bytes.TrimRight(p.line, " ")) == "---" {
		p.advance()
	}
	if p.line == nil {
		return nil, false
	}
	p.block()
	// A line that is indented by more than the one before it without being its value, or by
	// less than all others, is left over.
	return p.out, !p.stopped && p.line == nil
}

func (p *plain) stop() {
	p.stopped, p.line, p.indent, p.next = true, nil, -1, len(p.source)
}

// advance goes on to the next line that has content.
func (p *plain) advance() {
	for p.next < len(p.source) {
		line, _, _ := bytes.Cut(p.source[p.next:], []byte("\n"))
		p.next += len(line) + 1
		content := bytes.TrimLeft(line, " ")
		if len(content) > 0 && content[0] != '#' {
			p.line, p.indent = content, len(line)-len(content)
			return
		}
	}
	p.line, p.indent = nil, -1
}

// block reads a mapping or a sequence that begins with the line.
func (p *plain) block() {
	if p.depth++; p.depth > maxPlainDepth {
		p.stop()
	}
	if isDash(p.line) {
		p.sequence(p.indent)
	} else {
		p.mapping(p.indent)
	}
	p.depth--
}

func isDash(line []byte) bool {
	return len(line) > 0 && line[0] == '-' && (len(line) == 1 || line[1] == ' ')
}

func (p *plain) sequence(indent int) {
	p.out = append(p.out, '[')
	for first := true; p.indent == indent && isDash(p.line); first = false {
		if !first {
			p.out = append(p.out, ',')
		}
		rest := bytes.TrimLeft(p.line[1:], " ")
		_, _, isKey := cutKey(rest)
		if isKey || isDash(rest) {
			p.indent += len(p.line) - len(rest)
			p.line = rest
			p.block()
		} else {
			p.value(rest, indent, false)
		}
	}
	p.out = append(p.out, ']')
}

func (p *plain) mapping(indent int) {
	start, mark := len(p.out), len(p.entries)
	p.out = append(p.out, '{')
	for p.indent == indent {
		key, rest, ok := cutKey(p.line)
		if !ok {
			p.stop()
			break
		}
		if len(p.entries) > mark {
			p.out = append(p.out, ',')
		}
		at := len(p.entries)
		p.entries = append(p.entries, plainEntry{key: key, start: len(p.out)})
		p.string(key)
		p.out = append(p.out, ':')
		p.value(rest, indent, true)
		p.entries[at].end = len(p.out)
	}
	p.out = append(p.out, '}')
	if !p.stopped {
		p.sort(start, p.entries[mark:])
	}
	p.entries = p.entries[:mark]
}

// sort brings the entries of a mapping, which begins at start, into the order of their keys.
func (p *plain) sort(start int, entries []plainEntry) {
	byKey := func(a, b plainEntry) int { return strings.Compare(a.key, b.key) }
	if !slices.IsSortedFunc(entries, byKey) {
		slices.SortFunc(entries, byKey)
		// What was written is copied behind itself, and taken from there.
		unsorted := len(p.out)
		p.out = append(p.out, p.out[start:]...)
		copied := p.out[unsorted:]
		p.out = p.out[:start+1]
		for i, e := range entries {
			if i > 0 {
				p.out = append(p.out, ',')
			}
			p.out = append(p.out, copied[e.start-start:e.end-start]...)
		}
		p.out = append(p.out, '}')
	}
	for i := 1; i < len(entries); i++ {
		if entries[i].key == entries[i-1].key {
			p.stop()
		}
	}
}

// value reads what comes after a key or a dash at indent: rest, or what is below it.
func (p *plain) value(rest []byte, indent int, ofKey bool) {
	if len(rest) == 0 || rest[0] == '#' {
		p.advance()
		switch {
		case p.indent > indent, ofKey && p.indent == indent && isDash(p.line):
			p.block()
		default:
			p.out = append(p.out, "null"...)
		}
		return
	}
	switch rest[0] {
	case '|':
		p.literal(rest, indent)
		return
	case '{', '[':
		p.collection(rest)
	case '"', '\'':
		p.quoted(rest)
	default:
		p.scalar(rest)
	}
	if !p.stopped {
		p.advance()
	}
}

// literal reads a text of several lines, which are indented by more than indent.
func (p *plain) literal(rest []byte, indent int) {
	header := string(bytes.TrimRight(rest, " "))
	if header != "|" && header != "|-" {
		p.stop()
		return
	}
	inner := 0
	var text []byte
	for p.next < len(p.source) {
		line, _, ended := bytes.Cut(p.source[p.next:], []byte("\n"))
		indented := spaces(line)
		if inner == 0 && len(line) > 0 {
			inner = max(indented, 1)
		}
		if indented < inner && indented < len(line) {
			break
		}
		if onlySpaces := indented == len(line) && indented > 0; !ended || onlySpaces || inner > 0 && inner <= indent {
			p.stop()
			return
		}
		p.next += len(line) + 1
		text = append(append(text, line[min(inner, len(line)):]...), '\n')
	}
	text = bytes.TrimRight(text, "\n")
	if len(text) == 0 {
		p.stop()
		return
	}
	if header == "|" {
		text = append(text, '\n')
	}
	p.string(string(text))
	p.advance()
}
