package chain

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
)

// Answer is the report of one service about one request.
type Answer struct {
	// Service, Version and Pod are those of the server. For a call that failed only
	// Service is known: the host that was called.
	Service string `json:"service"`
	Version string `json:"version,omitempty"`
	Pod     string `json:"pod,omitempty"`
	// Status is the HTTP status of the answer: 200, or that of the first call that
	// failed; 502 if it was not answered, or not with an answer.
	Status int `json:"status"`
	// Error says why a call failed: the beginning of the response if it was not an
	// answer.
	Error string `json:"error,omitempty"`
	// Request is the request as it came out of the proxies.
	Request Seen `json:"request,omitzero"`
	// Calls are the answers of the services called, in their order.
	Calls []Answer `json:"calls,omitempty"`
}

// Seen is a request as its receiver sees it.
type Seen struct {
	Method string `json:"method"`
	// Path includes the query.
	Path    string      `json:"path"`
	Host    string      `json:"host"`
	Headers http.Header `json:"headers,omitempty"`
}

// maxAnswer is the maximum size of an answer, in bytes.
const maxAnswer = 8 << 20

// Decode reads an answer. Anything else is an error.
func Decode(r io.Reader) (Answer, error) {
	var a Answer
	if err := json.NewDecoder(io.LimitReader(r, maxAnswer)).Decode(&a); err != nil {
		return Answer{}, fmt.Errorf("decode answer: %w", err)
	}
	if a.Service == "" || a.Status == 0 {
		return Answer{}, errors.New("decode answer: it names no service or no status")
	}
	return a, nil
}

// Path returns the servers, depth first, as "service-1:v1". A call that no service
// answered is "service-1!503".
func (a Answer) Path() []string {
	path := []string{a.hop()}
	for _, call := range a.Calls {
		path = append(path, call.Path()...)
	}
	return path
}

// String returns the path as a picture, with the calls of a fork in parentheses:
//
//	service-1:v1 → service-2:v2 → (a:v1 → c:v1, b!503)
func (a Answer) String() string {
	switch len(a.Calls) {
	case 0:
		return a.hop()
	case 1:
		return a.hop() + " → " + a.Calls[0].String()
	}
	calls := make([]string, len(a.Calls))
	for i, call := range a.Calls {
		calls[i] = call.String()
	}
	return a.hop() + " → (" + strings.Join(calls, ", ") + ")"
}

func (a Answer) hop() string {
	switch {
	case a.Error != "":
		return fmt.Sprintf("%s!%d", a.Service, a.Status)
	case a.Version == "":
		return a.Service
	}
	return a.Service + ":" + a.Version
}
