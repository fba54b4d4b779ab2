package soak

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/test/soak/judge"
)

const (
	// overrideRate is the rate of requests for each announced version, absentRate that of
	// requests for a version that does not exist, for each Service; per second.
	overrideRate, absentRate = 5, 1
	// tail is how long requests for a version continue after its announcement.
	tail = 1500 * time.Millisecond
	// patience limits each request.
	patience = 15 * time.Second
	maxBody  = 1 << 20
)

// sender sends requests from the caller's pod, through its sidecar.
type sender struct {
	client *http.Client
	book   *judge.Book
	// ended waits for ending loads.
	ended sync.WaitGroup

	mu      sync.Mutex
	latency load.Histogram
}

// ordinary sends requests without an override to all Services, and a few for a version
// that does not exist, until it is stopped.
func (s *sender) ordinary(ctx context.Context) *load.Load {
	var sources []load.Source
	for _, x := range services() {
		sources = append(sources,
			load.Source{Name: x.name, Rate: x.rate, Send: func(ctx context.Context) (string, error) {
				return "", s.send(ctx, x.name, "", s.book.Begin(time.Now(), x.name, nil))
			}},
			load.Source{Name: x.name + ":none", Rate: absentRate, Send: func(ctx context.Context) (string, error) {
				return "", s.send(ctx, x.name, x.name+":none", s.book.BeginAbsent(time.Now(), x.name))
			}})
	}
	return load.Start(ctx, sources...)
}

// override sends requests for an announced version, on all paths to it in turn, until the
// returned function is called, and a moment longer.
func (s *sender) override(ctx context.Context, a *judge.Announcement) (end func()) {
	var n atomic.Int64
	through := serviceOf(a.Service).through
	running := load.Start(ctx, load.Source{Name: a.String(), Rate: overrideRate, Send: func(ctx context.Context) (string, error) {
		to := through[int(n.Add(1))%len(through)]
		return "", s.send(ctx, to, a.String(), s.book.Begin(time.Now(), to, a))
	}})
	return func() {
		s.ended.Go(func() {
			timer := time.NewTimer(tail)
			defer timer.Stop()
			select {
			case <-timer.C:
			case <-ctx.Done():
			}
			running.Stop()
		})
	}
}

// send sends and judges one request.
func (s *sender) send(ctx context.Context, to, override string, judged *judge.Request) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	began := time.Now()
	answer, err := s.ask(ctx, to, override)
	ended := time.Now()
	judged.End(ended, answer, err)
	if override == "" && err == nil {
		s.mu.Lock()
		s.latency.Add(ended.Sub(began))
		s.mu.Unlock()
	}
	return err
}

// ask sends one request to a Service. If the answer is not the sample's, it returns an
// error that says so.
func (s *sender) ask(ctx context.Context, to, override string) (*chain.Answer, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+to+"/", http.NoBody)
	if err != nil {
		return nil, fmt.Errorf("make a request: %w", err)
	}
	if override != "" {
		request.Header.Set("X-Override", override)
	}
	response, err := s.client.Do(request)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", to, err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	if err != nil {
		return nil, fmt.Errorf("read the answer of %s: %w", to, err)
	}
	answer, err := chain.Decode(bytes.NewReader(body))
	if err != nil {
		text := strings.TrimSpace(string(body[:min(len(body), 200)]))
		return &chain.Answer{Service: to, Status: response.StatusCode, Error: text + "."}, nil
	}
	return &answer, nil
}
