package e2e_test

import "strings"

// tooLong is more than Envoy takes in all headers of a request.
const tooLong = 61 << 10

// attackWires are forms that only somebody who writes the bytes can send.
func attackWires() []attack {
	const broken = "status 400"
	next := "GET / HTTP/1.1\r\nHost: shop.example.com\r\n"
	out := []attack{
		{name: "wire/space before the colon", lines: []string{"X-Override : web:v2"}, want: broken},
		{name: "wire/tab before the colon", lines: []string{"X-Override\t: web:v2"}, want: broken},
		{name: "wire/space before the name", lines: []string{"A: b", " X-Override: web:v2"}},
		{name: "wire/folded value", guard: "header", lines: []string{"X-Override: nothing:v1,\r\n web:v2"}, in: trusted(toPreview)},
		{name: "wire/folded name", lines: []string{"X-Override\r\n : web:v2"}, want: broken},
		{name: "wire/folded from another", lines: []string{"A: b\r\n\tX-Override: web:v2"}},
		{name: "wire/lines end in LF", guard: "header", lines: []string{"A: b\nX-Override: web:v2"}, in: trusted(toPreview)},
		{name: "wire/line ends in CR", lines: []string{"A: b\rX-Override: web:v2"}},
		{name: "wire/NUL in the name", lines: []string{"X-Override\x00: web:v2"}, want: broken},
		{name: "wire/NUL in the value", lines: []string{"X-Override: web:v2\x00"}, want: broken},
		{name: "wire/bytes in the name", lines: []string{"X-Overr\xc3\xafde: web:v2"}, want: broken},
		{name: "wire/a byte order mark", lines: []string{"\xef\xbb\xbfX-Override: web:v2"}, want: broken},
		{name: "wire/no name", lines: []string{": web:v2"}, want: broken},
		{name: "wire/no colon", lines: []string{"X-Override web:v2"}, want: broken},
		{name: "wire/trailer", lines: []string{"Transfer-Encoding: chunked", "Trailer: X-Override"}, tail: "0\r\nX-Override: web:v2\r\n\r\n"},
		{name: "wire/token in a trailer", lines: []string{"Transfer-Encoding: chunked"}, tail: "0\r\nX-Override-Token: eyJ.eyJ.eyJ\r\n\r\n"},
		{name: "wire/second request", guard: "header", tail: next + "X-Override: web:v2\r\n\r\n", want: toReleased + ", " + toReleased, in: trusted(toReleased + ", " + toPreview)},
		{name: "wire/two lengths", lines: []string{"Content-Length: 0", "Content-Length: 60"}, tail: "POST / HTTP/1.1\r\nX-Override: web:v2\r\n\r\n", want: broken},
		{name: "wire/length and chunks", lines: []string{"Content-Length: 4", "Transfer-Encoding: chunked"}, tail: "0\r\n\r\nPOST / HTTP/1.1\r\nX-Override: web:v2\r\n\r\n", want: broken},
		{name: "wire/chunks in another spelling", lines: []string{"Transfer-Encoding: xchunked"}, tail: "0\r\n\r\n", want: "status 501"},
		{name: "wire/upgrade to HTTP/2", lines: []string{"Connection: Upgrade, HTTP2-Settings", "Upgrade: h2c", "HTTP2-Settings: AAMAAABkAAQCAAAAAAIAAAAA"}},
		{name: "wire/60 KiB", lines: []string{"X-Override-Token: eyJ" + strings.Repeat("a", tooLong)}, want: "status 431"},
		{name: "wire/200 lines", lines: strings.Split(strings.Repeat("X-Override-Token: eyJ.eyJ.eyJ\n", 199)+"A: b", "\n"), want: "status 431"},
	}
	for i := range out {
		out[i].ways = onlyHTTP1
	}
	for _, a := range []attack{
		{name: "wire2/name in capitals", lines: []string{"X-Override: web:v2"}, want: "reset"},
		{name: "wire2/space in the value", guard: "header", lines: []string{"x-override:  web:v2 "}, in: trusted(toPreview)},
		{name: "wire2/line break in the value", lines: []string{"a: b\r\nx-override: web:v2"}, want: "reset"},
		{name: "wire2/NUL in the value", lines: []string{"x-override: web:v2\x00"}, want: "reset"},
		{name: "wire2/space in the name", lines: []string{"x-override : web:v2"}, want: "reset"},
		{name: "wire2/colon in the name", lines: []string{":x-override: web:v2"}, want: "reset"},
		{name: "wire2/trailer", lines: []string{"te: trailers"}, tail: "x-override: web:v2"},
		{name: "wire2/baggage in a trailer", lines: []string{"te: trailers"}, tail: "baggage: override.web=v2"},
		{name: "wire2/connection", lines: []string{"connection: x-override", "x-override: web:v2"}, want: "reset"},
		{name: "wire2/cookies in two fields", lines: []string{"cookie: preview=eyJ", "cookie: a=eyJ.eyJ"}},
		{name: "wire2/60 KiB", lines: []string{"x-override-token: eyJ" + strings.Repeat("a", tooLong)}, want: "reset"},
	} {
		a.ways = onlyHTTP2
		out = append(out, a)
	}
	return out
}
