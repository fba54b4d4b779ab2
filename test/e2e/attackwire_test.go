package e2e_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/localmesh"
)

// wire is a way to send a request. An attacker writes the bytes: no client corrects or refuses a
// line.
type wire struct {
	name, method string
	// lines are headers that this way needs.
	lines []string
	http2 bool
}

var wires = []wire{
	{name: "HTTP/1.1", method: http.MethodGet},
	{name: "HTTP/2", method: http.MethodGet, http2: true},
	{name: "upgrade", method: http.MethodGet, lines: []string{
		"Connection: Upgrade", "Upgrade: websocket", "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
	}},
	{name: "preflight", method: http.MethodOptions, lines: []string{"Origin: https://app.example.com", "Access-Control-Request-Method: GET"}},
}

// written is a request as it is written.
type written struct {
	// host is the shop's if it is empty.
	host, method, path string
	// lines are header lines, "NAME: VALUE". HTTP/2 gets the names in lower case, unless they are
	// verbatim.
	lines    []string
	verbatim bool
	// tail is sent after the header: in HTTP/1.1 bytes, in HTTP/2 lines of trailers.
	tail string
}

// answered is the part of an answer that cases compare.
type answered struct {
	// text has the versions that answered, or else the status: "web:v1 cart:v1", "status 403",
	// "303 LOCATION", "reset" for a stream or connection that was ended without an answer.
	text string
	// cookie is the one that the answer sets. carried is the override header that the first
	// application got.
	cookie, carried string
}

// attackTimeout limits the time until an answer: a request without one is a stall.
const attackTimeout = 30 * time.Second

// write sends a request to the gateway on a connection of its own.
func (e *edgeFront) write(ctx context.Context, w *wire, r *written) (answered, error) {
	conn, err := e.mesh.Dial(ctx, localmesh.Pod{}, net.JoinHostPort(e.gateways[0], "80"))
	if err != nil {
		return answered{}, err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(attackTimeout)); err != nil {
		return answered{}, err
	}
	send := writeHTTP1
	if w.http2 {
		send = writeHTTP2
	}
	out, err := send(conn, r)
	if refused, ok := errors.AsType[net.Error](err); err != nil && (!ok || !refused.Timeout()) {
		return answered{text: "reset"}, nil
	}
	return out, err
}

func writeHTTP1(conn net.Conn, r *written) (answered, error) {
	text := fmt.Sprintf("%s %s HTTP/1.1\r\nHost: %s\r\n", r.method, r.path, cmp.Or(r.host, edgeShop))
	for _, line := range r.lines {
		text += line + "\r\n"
	}
	text += "\r\n" + r.tail
	go func() { _, _ = io.WriteString(conn, text) }() // the answer to a part of it may come first
	reader := bufio.NewReader(conn)
	out, err := readHTTP1(reader, r.method)
	if err != nil || !strings.HasPrefix(r.tail, http.MethodGet+" ") {
		return out, err
	}
	next, err := readHTTP1(reader, http.MethodGet)
	out.text += ", " + next.text
	return out, err
}

func readHTTP1(reader *bufio.Reader, method string) (answered, error) {
	response, err := http.ReadResponse(reader, &http.Request{Method: method})
	if err != nil {
		return answered{}, err
	}
	defer response.Body.Close()
	if response.StatusCode == http.StatusSwitchingProtocols {
		response.Body = io.NopCloser(reader)
	}
	return readAnswer(response)
}

// readAnswer reads what cases compare. The program's answer to an upgrade is behind it, on a connection
// that stays open.
func readAnswer(response *http.Response) (answered, error) {
	out := answered{text: fmt.Sprintf("status %d", response.StatusCode)}
	out.cookie, _, _ = strings.Cut(response.Header.Get("Set-Cookie"), ";")
	if to := response.Header.Get("Location"); to != "" {
		out.text = fmt.Sprintf("%d %s", response.StatusCode, to)
	}
	var body io.Reader = response.Body
	switch response.StatusCode {
	case http.StatusSwitchingProtocols:
	case http.StatusOK:
		text, err := io.ReadAll(response.Body)
		if err != nil {
			return answered{}, err
		}
		body = bytes.NewReader(text)
	default:
		_, err := io.Copy(io.Discard, response.Body)
		return out, err
	}
	if answer, err := chain.Decode(body); err == nil && len(answer.Calls) == 1 {
		out.text = strings.Join(answer.Path(), " ")
		out.carried = joined(answer.Request.Headers["X-Override"])
	}
	return out, nil
}

// frameLimit is the length of the longest frame that is sent.
const frameLimit = 16 << 10

func writeHTTP2(conn net.Conn, r *written) (answered, error) {
	if _, err := io.WriteString(conn, http2.ClientPreface); err != nil {
		return answered{}, err
	}
	framer := http2.NewFramer(conn, conn)
	framer.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	const window = 1 << 30
	if err := errors.Join(framer.WriteSettings(http2.Setting{ID: http2.SettingInitialWindowSize, Val: window}), framer.WriteWindowUpdate(0, window)); err != nil {
		return answered{}, err
	}
	fields := []hpack.HeaderField{{Name: ":method", Value: r.method}, {Name: ":scheme", Value: "http"}, {Name: ":authority", Value: edgeShop}, {Name: ":path", Value: r.path}}
	encoder := newFields()
	if err := writeFields(framer, encoder.encode(append(fields, fieldsOf(r.lines, r.verbatim)...)), r.tail == ""); err != nil {
		return answered{}, err
	}
	if r.tail != "" {
		if err := writeFields(framer, encoder.encode(fieldsOf(strings.Split(r.tail, "\n"), r.verbatim)), true); err != nil {
			return answered{}, err
		}
	}
	return readHTTP2(framer)
}

// fieldsOf returns header lines as fields.
func fieldsOf(lines []string, verbatim bool) []hpack.HeaderField {
	var out []hpack.HeaderField
	for _, line := range lines {
		name, value, _ := strings.Cut(line, ": ")
		if !verbatim {
			name, value = strings.ToLower(name), strings.Trim(value, " \t")
		}
		out = append(out, hpack.HeaderField{Name: name, Value: value})
	}
	return out
}

// fieldEncoder encodes the fields of one connection.
type fieldEncoder struct {
	block bytes.Buffer
	*hpack.Encoder
}

func newFields() *fieldEncoder {
	e := &fieldEncoder{}
	e.Encoder = hpack.NewEncoder(&e.block)
	return e
}

func (e *fieldEncoder) encode(fields []hpack.HeaderField) []byte {
	e.block.Reset()
	for _, f := range fields {
		_ = e.WriteField(f) // a buffer takes everything
	}
	return bytes.Clone(e.block.Bytes())
}

// writeFields sends a block of fields of the one stream, in as many frames as it needs.
func writeFields(framer *http2.Framer, block []byte, last bool) error {
	const stream = 1
	first := block[:min(len(block), frameLimit)]
	block = block[len(first):]
	err := framer.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: first, EndStream: last, EndHeaders: len(block) == 0})
	for err == nil && len(block) > 0 {
		part := block[:min(len(block), frameLimit)]
		block = block[len(part):]
		err = framer.WriteContinuation(stream, len(block) == 0, part)
	}
	return err
}

// errReset says that the stream was ended without an answer.
var errReset = errors.New("the stream was reset")

func readHTTP2(framer *http2.Framer) (answered, error) {
	response := &http.Response{Header: http.Header{}}
	var body bytes.Buffer
	for ended := false; !ended; {
		frame, err := framer.ReadFrame()
		if err != nil {
			return answered{}, err
		}
		switch f := frame.(type) {
		case *http2.MetaHeadersFrame:
			if ended = f.StreamEnded(); response.StatusCode == 0 {
				if _, err := fmt.Sscan(f.PseudoValue("status"), &response.StatusCode); err != nil {
					return answered{}, err
				}
			}
			for _, field := range f.RegularFields() {
				response.Header.Add(field.Name, field.Value)
			}
		case *http2.DataFrame:
			body.Write(f.Data())
			ended = f.StreamEnded()
		case *http2.RSTStreamFrame, *http2.GoAwayFrame:
			return answered{}, errReset
		case *http2.SettingsFrame:
			if !f.IsAck() {
				if err := framer.WriteSettingsAck(); err != nil {
					return answered{}, err
				}
			}
		}
	}
	response.Body = io.NopCloser(&body)
	return readAnswer(response)
}
