package source

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
)

// maxDocument bounds what one document may take of memory. It is far above
// what a list of everything in a large cluster needs.
const maxDocument = 1 << 30

var byteOrderMark = []byte("\ufeff")

// document is one document of a stream.
type document struct {
	// text is the document with the directives before it. Its first line is
	// the stream's line first.
	text  []byte
	first int
	// number counts the documents that have content, from one; line is where
	// the content begins.
	number, line int
	// json is the part of text that looks like one JSON object; nil for YAML.
	json []byte
	// broken says why there is no text, fix what to do about it.
	broken, fix string
}

// splitter cuts a stream into documents, holding one of them at a time.
//
//	line                    what it does
//	--- …                   begins a document, which may stand on the same line
//	...                     ends one
//	%YAML, %TAG             belong to the document that follows
//	blank, # comment        no content: a document of nothing else is none
//	{ at the beginning      JSON: the document ends with its closing brace
//
// A line that begins with --- is a boundary wherever it stands, by YAML's own
// rule (1.2.2 §9.1.2, c-forbidden), so that no parsing is needed to find it.
type splitter struct {
	r *bufio.Reader
	// rest is what was read but not used: the first part of a line if begins.
	rest   []byte
	begins bool
	// at is the line that rest, or what is read next, belongs to.
	at     int
	number int
	max    int
	// size is that of the document before: the next one is likely to be of such a size.
	size int
}

func newSplitter(r io.Reader) *splitter {
	return &splitter{r: bufio.NewReaderSize(r, 64<<10), begins: true, at: 1, max: maxDocument}
}

// part is a line, or a piece of one that is longer than the reader's buffer.
type part struct {
	text   []byte
	begins bool
	line   int
}

// read returns the next part. It is valid until the next call.
func (s *splitter) read() (part, error) {
	p := part{text: s.rest, begins: s.begins, line: s.at}
	s.rest = nil
	if len(p.text) == 0 {
		text, err := s.r.ReadSlice('\n')
		if len(text) == 0 && err != nil {
			return p, err
		}
		if err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF) {
			return p, err
		}
		p.text = text
	}
	s.begins = p.text[len(p.text)-1] == '\n'
	if s.begins {
		s.at++
	}
	return p, nil
}

// unread gives back the end of the part that was read last.
func (s *splitter) unread(p part, used int) {
	s.rest, s.begins, s.at = p.text[used:], p.begins && used == 0, p.line
}

// next returns the next document that has content, or [io.EOF].
func (s *splitter) next() (document, error) {
	b := builder{max: s.max, size: s.size}
	for {
		p, err := s.read()
		switch {
		case errors.Is(err, io.EOF) && b.content:
			return b.finish(s), nil
		case err != nil:
			return document{}, err
		}
		if p.line == 1 && p.begins {
			if f := formatOf(p.text); f != nil {
				s.r.Reset(bytes.NewReader(nil))
				s.rest = nil
				b.doc.broken, b.doc.fix, b.doc.line = "the file is "+f.name+", and not text in UTF-8", f.fix(), 1
				return b.finish(s), nil
			}
		}
		if p.begins && (!b.content || isMarker(bytes.TrimPrefix(p.text, byteOrderMark), "---")) {
			p.text = bytes.TrimPrefix(p.text, byteOrderMark)
		}
		switch {
		case p.begins && isMarker(p.text, "---"):
			if b.content {
				s.unread(p, 0)
				return b.finish(s), nil
			}
			b.mark(p)
		case p.begins && isMarker(p.text, "..."):
			if b.content {
				return b.finish(s), nil
			}
			b = builder{max: s.max, size: s.size}
		default:
			if used := b.add(p); b.complete {
				s.unread(p, used)
				return b.finish(s), nil
			}
		}
	}
}

// isMarker reports whether a line is a document marker: alone or followed by
// white space.
func isMarker(line []byte, marker string) bool {
	if !bytes.HasPrefix(line, []byte(marker)) {
		return false
	}
	return len(line) == len(marker) || bytes.IndexByte([]byte(" \t\r\n"), line[len(marker)]) >= 0
}

// firstByte returns the first byte of text that is not white space, with its
// index, or -1.
func firstByte(text []byte) (byte, int) {
	for i, c := range text {
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			return c, i
		}
	}
	return 0, -1
}

// builder collects a document.
type builder struct {
	doc     document
	max     int
	size    int
	content bool
	// marked is set after the marker that begins the document.
	marked bool
	// comment is set while the rest of a long line is a comment.
	comment bool
	// brace is where in the text a JSON object may begin.
	brace    int
	isJSON   bool
	braces   braces
	complete bool
}

func (b *builder) finish(s *splitter) document {
	s.number++
	s.size = min(len(b.doc.text), 64<<10)
	b.doc.number = s.number
	if b.isJSON && b.doc.broken == "" {
		b.doc.json = b.doc.text[b.brace:]
	}
	return b.doc
}

func (b *builder) append(p part, text []byte) {
	if b.doc.text == nil {
		b.doc.first = p.line
		b.doc.text = make([]byte, 0, max(b.size, len(text)))
	}
	if len(b.doc.text)+len(text) > b.max {
		b.doc.broken = fmt.Sprintf("the document is larger than %d MiB", b.max>>20)
		b.doc.fix = "write its objects as several documents, with a line of --- between them"
		b.doc.text = []byte{}
	}
	if b.doc.broken == "" {
		b.doc.text = append(b.doc.text, text...)
	}
}

// mark takes a line that begins a document. Without content between them, of
// several such lines the last one counts.
func (b *builder) mark(p part) {
	if b.marked {
		*b = builder{max: b.max, size: b.size}
	}
	b.marked = true
	b.append(p, p.text)
	switch c, _ := firstByte(p.text[len("---"):]); c {
	case 0:
	case '#':
		b.comment = true
	default:
		b.content, b.doc.line = true, p.line
	}
}

// add takes a part of the document and returns how much of it was used, which
// is all unless the document is complete.
func (b *builder) add(p part) int {
	start := 0
	if !b.content {
		c, at := firstByte(p.text)
		switch {
		case at < 0, c == '#', b.comment && !p.begins:
			b.comment = c == '#' || b.comment && !p.begins
			b.blank(p)
			return len(p.text)
		case c == '%' && at == 0 && p.begins && !b.marked:
			b.directive(p)
			return len(p.text)
		case c == '{':
			b.isJSON, b.brace = true, len(b.doc.text)+at
		}
		b.content, b.doc.line, start = true, p.line, at
	}
	used := len(p.text)
	if b.isJSON {
		n, state := b.braces.scan(p.text[start:])
		b.isJSON = state != otherwise
		if b.complete = state == closed; b.complete {
			used = start + n
		}
	}
	b.append(p, p.text[:used])
	return used
}

// blank keeps the place of a line without content, where that matters.
func (b *builder) blank(p part) {
	if len(b.doc.text) > 0 && p.text[len(p.text)-1] == '\n' {
		b.append(p, []byte("\n"))
	}
}

// directive keeps %TAG. The version of %YAML is passed over: the parser knows
// 1.1 only and would refuse 1.2, which is what most people write there.
func (b *builder) directive(p part) {
	if bytes.HasPrefix(p.text, []byte("%YAML")) {
		b.append(p, []byte("\n"))
		return
	}
	b.append(p, p.text)
}

// braces finds the end of a JSON object.
type braces struct {
	depth           int
	quoted, escaped bool
}

type bracesState int

const (
	open bracesState = iota
	closed
	// otherwise is what can't be JSON, but may be a mapping of YAML.
	otherwise
)

// scan goes on with text and returns how much of it belongs to the object.
func (b *braces) scan(text []byte) (int, bracesState) {
	for i, c := range text {
		switch {
		case b.escaped:
			b.escaped = false
		case b.quoted && c == '\\':
			b.escaped = true
		case b.quoted && c < ' ':
			return i, otherwise
		case c == '"':
			b.quoted = !b.quoted
		case b.quoted:
		case c == '{', c == '[':
			b.depth++
		case c == '}', c == ']':
			if b.depth--; b.depth == 0 {
				return i + 1, closed
			}
		case bytes.IndexByte([]byte(" \t\r\n:,+-.0123456789aeflnrstuE"), c) < 0:
			return i, otherwise
		}
	}
	return len(text), open
}
