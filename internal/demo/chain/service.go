package chain

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"time"
)

// Options are settings of a service.
type Options struct {
	// Service, Version and Pod are those in its answers.
	Service, Version, Pod string
	// Next are the URLs that it calls for each request, one after the other and with the
	// method of the request, whatever their results.
	Next []string
	// Client makes the calls; nil means one with a timeout of 30 s.
	Client *http.Client
	// Forward lists the headers to pass on; nil means those of NewForward without arguments.
	Forward Forward
	// Delay is the time before each answer.
	Delay time.Duration
}

// errorHeader is set by the proxies on the answer to a strict override that cannot be
// followed. A service that gets it passes it back.
const errorHeader = "X-Override-Error"

// The maximum sizes of bodies, in bytes.
const (
	maxRequest = 64 << 20
	maxError   = 300
)

type service struct{ Options }

// New returns the handler of a service. It answers any path and method with an [Answer],
// and /healthz with 200 without calling other services.
func New(o Options) http.Handler {
	if o.Forward == nil {
		o.Forward = standard()
	}
	if o.Client == nil {
		o.Client = &http.Client{Timeout: 30 * time.Second}
	}
	return &service{o}
}

// ServeHTTP implements [http.Handler].
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path == "/healthz" {
		_, _ = io.WriteString(w, "ok\n")
		return
	}
	answer := Answer{Service: s.Service, Version: s.Version, Pod: s.Pod, Status: http.StatusOK}
	answer.Request = Seen{Method: r.Method, Path: r.URL.RequestURI(), Host: r.Host, Headers: r.Header}
	// A body that is not read would cost the connection.
	_, _ = io.Copy(io.Discard, io.LimitReader(r.Body, maxRequest))
	if !s.think(r.Context()) {
		return
	}
	forwarded := s.Forward.from(r.Header)
	for _, url := range s.Next {
		call, why := s.call(r.Context(), r.Method, url, forwarded)
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
	// The client may have gone away.
	_ = json.NewEncoder(w).Encode(answer)
}

// think waits, and reports whether the caller is still connected.
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
