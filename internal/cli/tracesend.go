package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/util/uuid"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/trail"
)

// probe is the request to send.
type probe struct {
	method, url, host string
	header            http.Header
	body              []byte
	// carrier is the name of the override header, and override its value.
	carrier, override string
	// token is sent instead of a mark: a gateway that takes overrides from tokens removes a
	// header.
	token string
}

// sent is a request that was sent.
type sent struct {
	mark, traceID string
	status        int
	took          time.Duration
	header        http.Header
	err           error
}

// maxBody is how much of a response is read.
const maxBody = 1 << 20

// send sends the request with IDs of its own. It follows no redirect: one is an answer.
func (p *probe) send(ctx context.Context, client *http.Client) sent {
	out := sent{traceID: trail.TracePrefix + hexText(8)}
	request, err := http.NewRequestWithContext(ctx, p.method, p.url, bytes.NewReader(p.body))
	if err != nil {
		out.err = fmt.Errorf("make the request: %w", err)
		return out
	}
	request.Header = p.header.Clone()
	request.Host = p.host
	if p.token != "" {
		request.Header.Set(grammar.TokenHeader(p.carrier), p.token)
	} else {
		out.mark = strings.ToLower(rand.Text()) // a version in the language of the header
		request.Header.Set(p.carrier, strings.TrimPrefix(p.override+", "+trail.MarkService+":"+out.mark, ", "))
	}
	if given := trail.TraceID(request.Header.Get("traceparent")); given != "" {
		out.traceID = given
	} else {
		request.Header.Set("traceparent", "00-"+out.traceID+"-"+hexText(8)+"-01")
	}
	if request.Header.Get("x-request-id") == "" {
		request.Header.Set("x-request-id", string(uuid.NewUUID())) // Envoy keeps a UUID
	}
	start := time.Now()
	response, err := client.Do(request)
	if err != nil {
		out.err = fmt.Errorf("send the request: %w", err)
		return out
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, io.LimitReader(response.Body, maxBody))
	out.took, out.status, out.header = time.Since(start), response.StatusCode, response.Header
	if err != nil {
		out.err = fmt.Errorf("read the response: %w", err)
	}
	return out
}

// is reports whether a trail is that of the request.
func (s *sent) is(t *trail.Trail) bool {
	if s.mark != "" && t.Mark != "" {
		return t.Mark == s.mark
	}
	return t.TraceID == s.traceID
}

// cached says that the response came from a cache, in words; empty if nothing says so.
func (s *sent) cached() string {
	if age := s.header.Get("age"); age != "" {
		return "the response came from a cache: it has the header age: " + age
	}
	return ""
}

// hexText returns random bytes as hexadecimal digits.
func hexText(bytes int) string {
	out := make([]byte, bytes)
	_, _ = rand.Read(out) // it never fails
	return hex.EncodeToString(out)
}
