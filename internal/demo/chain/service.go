package chain

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"

	"github.com/overrides-mesh/overrides/pkg/override"
)

// Options say what a service is and whom it calls.
type Options struct {
	// Service, Version and Pod are what it answers with.
	Service, Version, Pod string
	// Next are the URLs that it calls for each request, one after the other and
	// with the method of the request, whatever becomes of them.
	Next []string
	// Client makes the calls; nil means one with a timeout of 30 s and
	// [http.DefaultTransport]. It is copied: its Transport is wrapped to forward.
	Client *http.Client
	// Forwarder passes headers on; nil means Forwarder().
	Forwarder *override.Forwarder
	// Delay is how long it thinks before each answer.
	Delay time.Duration
}

// errorHeader is set by the proxies on the answer to a strict override that
// cannot be followed. A service that gets it hands it on.
const errorHeader = "X-Override-Error"

// Bounds of what is read of a body, in bytes.
const (
	maxRequest = 64 << 20
	maxError   = 300
)

type service struct {
	Options
	client *http.Client
}

// Forwarder takes the carriers, the headers of tracing and those named from a
// request. It returns an error if one of them can't be passed on.
func Forwarder(also ...string) (*override.Forwarder, error) {
	return override.New(override.Also("x-request-id", "traceparent", "tracestate"), override.Also(also...))
}

// New returns the handler of a service. It answers any path and method with an
// [Answer], and /healthz with 200 without calling anybody.
func New(o Options) http.Handler {
	if o.Forwarder == nil {
		var err error
		if o.Forwarder, err = Forwarder(); err != nil {
			panic(err) // a header named above is refused
		}
	}
	client := http.Client{Timeout: 30 * time.Second}
	if o.Client != nil {
		client = *o.Client
	}
	client.Transport = &override.Transport{Base: client.Transport}
	return o.Forwarder.Middleware(&service{Options: o, client: &client})
}

// ServeHTTP implements [http.Handler].
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		_, _ = io.WriteString(w, "ok\n")
		return
	}
	answer := Answer{Service: s.Service, Version: s.Version, Pod: s.Pod, Status: http.StatusOK}
	answer.Request = Seen{Method: r.Method, Path: r.URL.RequestURI(), Host: r.Host, Headers: r.Header}
	// A body that nobody reads would cost the connection.
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxRequest))
	if !s.think(r.Context()) {
		return
	}
	for _, url := range s.Next {
		call, why := s.call(r.Context(), r.Method, url)
		answer.Calls = append(answer.Calls, call)
		if answer.Status == http.StatusOK && call.failed() {
			answer.Status = call.Status
			if why != "" {
				w.Header().Set(errorHeader, why)
			}
		}
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(answer.Status)
	// Who has gone away gets no answer.
	_ = json.NewEncoder(w).Encode(answer)
}

// think reports whether the caller is still there afterwards.
func (s *service) think(ctx context.Context) bool {
	if s.Delay <= 0 {
		return true
	}
	timer := time.NewTimer(s.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
