package istiod

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"time"
)

// dialTimeout bounds the time to connect.
const dialTimeout = 2 * time.Second

// Dial connects, as net.Dialer does.
type Dial func(ctx context.Context, network, address string) (net.Conn, error)

// target is one istiod.
type target struct {
	// address is HOST:PORT, host the name in its certificate.
	address, host string
}

// stream is a connection to one istiod. Questions and answers alternate; responses to
// subscriptions come in between.
type stream struct {
	routes    subscription
	target    target
	transport *http.Transport
	node      []byte
	requests  *io.PipeWriter
	response  chan outcome
	body      io.ReadCloser
	cancel    context.CancelFunc
}

// outcome is the result of a request.
type outcome struct {
	response *http.Response
	err      error
}

// open opens a stream. It sends nothing before the first question.
func open(ctx context.Context, t target, id *identity, dial Dial) (*stream, error) {
	s := &stream{target: t, node: id.node, response: make(chan outcome, 1)}
	s.transport = &http.Transport{
		DialContext: dial, ForceAttemptHTTP2: true, TLSHandshakeTimeout: dialTimeout, DisableCompression: true,
		TLSClientConfig: &tls.Config{RootCAs: id.roots, ServerName: t.host, MinVersion: tls.VersionTLS12, NextProtos: []string{"h2"}},
	}
	// The stream outlives its first question.
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	var body *io.PipeReader
	body, s.requests = io.Pipe()
	place := url.URL{Scheme: "https", Host: t.address, Path: method}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, place.String(), body)
	if err != nil {
		s.cancel()
		return nil, fmt.Errorf("ask %s: %w", t.address, err)
	}
	r.Header = http.Header{
		"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "User-Agent": {"overrides-operator"},
		"Authorization": {"Bearer " + id.token},
	}
	go func() {
		response, err := s.transport.RoundTrip(r) //nolint:bodyclose // by close
		if err != nil {
			_ = body.CloseWithError(err)
		}
		s.response <- outcome{response, err}
	}()
	return s, nil
}

// close closes the stream.
func (s *stream) close() {
	s.cancel()
	_ = s.requests.Close()
	if s.body != nil {
		_ = s.body.Close()
	} else {
		go func() {
			if o := <-s.response; o.response != nil {
				_ = o.response.Body.Close()
			}
		}()
	}
	s.transport.CloseIdleConnections()
}

// ask asks one question. After an error, or the end of ctx, the stream is unusable.
func (s *stream) ask(ctx context.Context, question string) (answer []byte, err error) {
	stop := context.AfterFunc(ctx, s.cancel)
	defer stop()
	defer func() {
		if err != nil {
			if ctx.Err() != nil {
				err = ctx.Err()
			}
			err = fmt.Errorf("ask %s for %s: %w", s.target.address, question, err)
		}
	}()
	written := s.write(&request{names: []string{question}, kind: debugType})
	if s.body == nil {
		// This error says more than the one of the write.
		if err := s.begin(ctx); err != nil {
			return nil, err
		}
	}
	if written != nil {
		return nil, written
	}
	for {
		r, err := readResponse(s.body)
		switch {
		case err != nil:
			return nil, err
		case r.kind == routeType:
			if err := s.accept(r); err != nil {
				return nil, err
			}
		case len(r.resources) == 0:
			return nil, nil
		default:
			return r.resources[0], nil
		}
	}
}

// write sends a request. The first one has the node.
func (s *stream) write(r *request) error {
	_, err := s.requests.Write(r.frame(s.node))
	s.node = nil
	return err
}

// begin waits for the start of the response, which comes with the first answer.
func (s *stream) begin(ctx context.Context) error {
	var o outcome
	select {
	case o = <-s.response:
	case <-ctx.Done():
		return ctx.Err()
	}
	if o.err != nil {
		return o.err
	}
	s.body = &trailed{o.response}
	switch {
	case o.response.StatusCode != http.StatusOK:
		return fmt.Errorf("HTTP status %s", o.response.Status)
	case o.response.Header.Get("Grpc-Status") != "":
		return status(o.response.Header)
	}
	return nil
}

// trailed is a body that ends with the error in its trailer.
type trailed struct{ response *http.Response }

func (t *trailed) Read(p []byte) (int, error) {
	n, err := t.response.Body.Read(p)
	if errors.Is(err, io.EOF) {
		err = status(t.response.Trailer)
	}
	return n, err
}

func (t *trailed) Close() error { return t.response.Body.Close() }

// Status codes of gRPC with which istiod refuses to answer.
const (
	permissionDenied = "7"
	unauthenticated  = "16"
)

// ErrRefused means that istiod does not authorize the client.
var ErrRefused = errors.New("not allowed")

// status returns the error in the trailer of a stream.
func status(trailer http.Header) error {
	text := trailer.Get("Grpc-Message")
	if plain, err := url.PathUnescape(text); err == nil {
		text = plain
	}
	switch code := trailer.Get("Grpc-Status"); code {
	case "", "0":
		return errEnded
	case permissionDenied, unauthenticated:
		return fmt.Errorf("%w: %s", ErrRefused, text)
	default:
		return fmt.Errorf("gRPC status %s: %s", code, text)
	}
}

// text shortens an unexpected answer, for an error.
func text(data []byte) string {
	const most = 200
	data = bytes.TrimSpace(data)
	return string(data[:min(len(data), most)])
}
