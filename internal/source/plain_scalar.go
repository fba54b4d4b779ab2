package source

import (
	"bytes"
	"strings"
)

// ask has the library read text, which depends on nothing around it.
func (p *plain) ask(text []byte) {
	var tree any
	if decodeYAML(text, &tree, true) != nil || p.encode(tree) != nil {
		p.stop()
	}
}

// quoted reads a scalar in quotes.
func (p *plain) quoted(rest []byte) {
	end := endOfQuotes(rest)
	if end < 0 || !isComment(rest[end:]) {
		p.stop()
		return
	}
	text := rest[:end]
	if inner := text[1 : len(text)-1]; bytes.IndexByte(inner, text[0]) < 0 && bytes.IndexByte(inner, '\\') < 0 {
		p.ascii(inner)
	} else {
		p.ask(text)
	}
}

// endOfQuotes returns where a text in quotes ends that begins text, -1 for nowhere.
func endOfQuotes(text []byte) int {
	quote := text[0]
	for i := 1; i < len(text); i++ {
		switch {
		case text[i] == '\\' && quote == '"':
			i++
		case text[i] != quote:
		case quote == '\'' && i+1 < len(text) && text[i+1] == quote:
			i++
		default:
			return i + 1
		}
	}
	return -1
}

// isComment reports whether nothing follows a value but a comment.
func isComment(text []byte) bool {
	rest := bytes.TrimLeft(text, " ")
	return len(rest) == 0 || rest[0] == '#' && len(rest) < len(text)
}

// scalar reads a scalar without quotes.
func (p *plain) scalar(rest []byte) {
	text, _, _ := bytes.Cut(rest, []byte(" #"))
	text = bytes.TrimRight(text, " ")
	switch {
	case isIndicated(text), text[len(text)-1] == ':', bytes.Contains(text, []byte(": ")):
		p.stop()
	case isString(text):
		p.ascii(text)
	case isInteger(text), string(text) == "true", string(text) == "false":
		p.out = append(p.out, text...)
	default:
		p.ask(text)
	}
}

// isIndicated reports whether text begins with what may not be the beginning of a scalar,
// or of a document where it stands alone.
func isIndicated(text []byte) bool {
	if text[0] == '-' {
		return len(text) == 1 || text[1] < '0' || text[1] > '9'
	}
	return bytes.IndexByte([]byte("?:,]}#&*!|>%@`=<"), text[0]) >= 0
}

// isString reports whether a scalar is a string for certain, and no number, time,
// boolean or null.
func isString(text []byte) bool {
	switch c := text[0]; {
	case '0' <= c && c <= '9':
		return len(bytes.Trim(text, "0123456789abcdefABCDEFxXoO_.+-:tTzZ ")) > 0
	case bytes.IndexByte([]byte("+-.~"), c) >= 0:
		return false
	case len(text) > len("false"):
		return true
	}
	switch strings.ToLower(string(text)) {
	case "y", "n", "yes", "no", "on", "off", "true", "false", "null":
		return false
	}
	return true
}

// isInteger reports whether text is an integer as JSON has it, and not too large.
func isInteger(text []byte) bool {
	return len(text) <= 18 && (text[0] != '0' || len(text) == 1) && len(bytes.Trim(text, "0123456789")) == 0
}

// cutKey cuts a line into a key and what follows it.
func cutKey(line []byte) (key string, rest []byte, ok bool) {
	end := endOfKey(line)
	if end < 1 || end > maxPlainKey {
		return "", nil, false
	}
	text, rest := line[:end], bytes.TrimLeft(line[end:], " ")
	if len(rest) == 0 || rest[0] != ':' || len(rest) > 1 && rest[1] != ' ' {
		return "", nil, false
	}
	if quote := text[0]; quote == '"' || quote == '\'' {
		text = text[1 : end-1]
		ok = bytes.IndexByte(text, '\\') < 0 && bytes.IndexByte(text, quote) < 0
	} else {
		ok = isString(text)
	}
	return string(text), bytes.TrimLeft(rest[1:], " "), ok
}

// endOfKey returns where the key ends that begins a line.
func endOfKey(line []byte) int {
	if len(line) > 0 && (line[0] == '"' || line[0] == '\'') {
		return endOfQuotes(line)
	}
	return endOfWord(line)
}

// endOfWord returns where the letters, digits and -_./ end that begin a text.
func endOfWord(text []byte) int {
	for i, c := range text {
		switch {
		case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9', c == '-', c == '_', c == '.', c == '/':
		default:
			return i
		}
	}
	return len(text)
}

// ascii writes a string of ASCII.
func (p *plain) ascii(text []byte) {
	if bytes.IndexByte(text, '"') >= 0 || bytes.IndexByte(text, '\\') >= 0 {
		p.string(string(text))
		return
	}
	p.out = append(p.out, '"')
	p.out = append(p.out, text...)
	p.out = append(p.out, '"')
}
