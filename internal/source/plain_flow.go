package source

import "bytes"

// collection reads a mapping or a sequence in flow style.
func (p *plain) collection(rest []byte) {
	text := bytes.TrimRight(rest, " ")
	mark, entries, depth := len(p.out), len(p.entries), p.depth
	if end := p.flow(text); end == len(text) {
		return
	}
	p.out, p.entries, p.depth = p.out[:mark], p.entries[:entries], depth
	if isCollection(text) {
		p.ask(text)
	} else {
		p.stop()
	}
}

// isCollection reports whether text is a mapping or a sequence in flow style, and no more.
func isCollection(text []byte) bool {
	depth := 0
	for i, c := range text {
		switch c {
		case '{', '[':
			depth++
		case '}', ']':
			if depth--; depth == 0 {
				return i+1 == len(text)
			}
		case '#':
			return false
		}
	}
	return false
}

// flow reads the collection that text begins with, and returns where it ends; -1 if there is
// anything in it but such collections, simple keys, and scalars that are what they look like.
func (p *plain) flow(text []byte) int {
	if p.depth++; p.depth > maxPlainDepth {
		return -1
	}
	opening, closing := text[0], text[0]+2 // '{' and '}', or '[' and ']'
	start, mark := len(p.out), len(p.entries)
	p.out = append(p.out, opening)
	at := 1 + spaces(text[1:])
	for isFirst := true; at < len(text) && text[at] != closing; isFirst = false {
		length := p.flowElement(text[at:], opening == '{', isFirst)
		if length < 0 {
			return -1
		}
		at += length + spaces(text[at+length:])
		if at < len(text) && text[at] == closing {
			break
		}
		if at == len(text) || text[at] != ',' {
			return -1
		}
		at += 1 + spaces(text[at+1:])
	}
	if at == len(text) {
		return -1
	}
	p.out = append(p.out, closing)
	p.sort(start, p.entries[mark:])
	p.entries = p.entries[:mark]
	p.depth--
	return at + 1
}

// flowElement reads an entry or an element of a collection, and returns its length, or -1.
func (p *plain) flowElement(text []byte, isEntry, isFirst bool) int {
	if !isFirst {
		p.out = append(p.out, ',')
	}
	if !isEntry {
		return p.flowValue(text)
	}
	at, start := len(p.entries), len(p.out)
	key := bytes.IndexByte(text, ':')
	if key < 1 || key+1 == len(text) || text[key+1] != ' ' || endOfWord(text) != key || key > maxPlainKey || !isString(text[:key]) {
		return -1
	}
	p.entries = append(p.entries, plainEntry{key: string(text[:key]), start: start})
	p.ascii(text[:key])
	p.out = append(p.out, ':')
	begins := key + 1 + spaces(text[key+1:])
	length := p.flowValue(text[begins:])
	if length < 0 {
		return -1
	}
	p.entries[at].end = len(p.out)
	return begins + length
}

// flowValue reads a value of a collection, and returns its length, or -1.
func (p *plain) flowValue(text []byte) int {
	if len(text) == 0 {
		return -1
	}
	switch text[0] {
	case '{', '[':
		return p.flow(text)
	case '"', '\'':
		end := endOfQuotes(text)
		if end < 0 || bytes.IndexByte(text[1:end-1], '\\') >= 0 || bytes.IndexByte(text[1:end-1], text[0]) >= 0 {
			return -1
		}
		p.ascii(text[1 : end-1])
		return end
	}
	end := endOfWord(text)
	switch scalar := text[:end]; {
	case end == 0:
		return -1
	case isString(scalar):
		p.ascii(scalar)
	case isInteger(scalar), string(scalar) == "true", string(scalar) == "false":
		p.out = append(p.out, scalar...)
	default:
		return -1
	}
	return end
}

// spaces counts those that text begins with.
func spaces(text []byte) int { return len(text) - len(bytes.TrimLeft(text, " ")) }
