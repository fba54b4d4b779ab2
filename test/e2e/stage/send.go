package stage

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

// CaseHeader identifies the case of a request in access logs.
const CaseHeader = "x-conform-case"

// timeout limits each request; only the duration of failing tests depends on it.
const timeout = 30 * time.Second

// maxBody limits the bytes that are read of an answer.
const maxBody = 1 << 20

// send sends a case with a client to an address, and returns the outcome. Logs have its
// phase and name.
func send(ctx context.Context, client *http.Client, address, phase string, c *conform.Case) (*conform.Observation, error) {
	request, err := http.NewRequestWithContext(ctx, c.Method, "http://"+address+c.Path, http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make a request of case %s: %w", c.Name, err)
	}
	request.Host = c.Host
	for _, h := range c.Header {
		// Names keep the case in which they are written.
		request.Header[h.Name] = append(request.Header[h.Name], h.Value)
	}
	request.Header.Set("User-Agent", "conform")
	request.Header.Set(CaseHeader, phase+c.Name)
	began := time.Now()
	response, err := client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("send case %s: %w", c.Name, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read the answer to case %s: %w", c.Name, err)
	}
	return observe(response, body, time.Since(began)), nil
}

func observe(response *http.Response, body []byte, elapsed time.Duration) *conform.Observation {
	out := &conform.Observation{Status: response.StatusCode, Header: lower(response.Header), Elapsed: elapsed}
	answer, err := chain.Decode(bytes.NewReader(body))
	if err != nil {
		out.Body = string(body[:min(len(body), 300)])
		return out
	}
	out.Server.ID = answer.Service
	if port, err := strconv.ParseUint(answer.Version, 10, 16); err == nil {
		out.Server.Port = uint32(port)
	}
	out.Method, out.Path, out.Host = answer.Request.Method, answer.Request.Path, answer.Request.Host
	out.Seen = lower(answer.Request.Headers)
	return out
}

func lower(header http.Header) map[string][]string {
	out := make(map[string][]string, len(header))
	for name := range maps.Keys(header) {
		out[strings.ToLower(name)] = header[name]
	}
	return out
}
