package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/demo/proxy"
	"github.com/overrides-mesh/overrides/internal/demo/sample"
	"github.com/overrides-mesh/overrides/internal/demo/workload"
	"github.com/overrides-mesh/overrides/internal/envoy"
)

// drainTimeout limits how long a server without new requests waits for its callers to
// hang up, and for its last requests.
const drainTimeout = 5 * time.Second

// gate is the way out for a workload's calls: its Envoy, once that exists.
type gate struct{ proxy atomic.Pointer[proxy.Proxy] }

var errNoProxy = errors.New("the workload's envoy is not there yet")

func (g *gate) dial(ctx context.Context, _, _ string) (net.Conn, error) {
	if p := g.proxy.Load(); p != nil {
		return p.Dial(ctx)
	}
	return nil, errNoProxy
}

// server is one pod: an HTTP server that runs the sample.
type server struct {
	// name is the name of the pod.
	name string
	// of is the workload, and next the URLs that it calls.
	of        *workload.Workload
	next      []string
	port      uint16
	http      *http.Server
	transport *http.Transport

	mu sync.Mutex
	// open are the connections of callers; empty is closed when there is none.
	open  map[net.Conn]bool
	empty chan struct{}
}

// startServer starts the i-th pod of a workload.
func (w *World) startServer(ctx context.Context, load *workload.Workload, i int, versionLabel string) (*server, error) {
	s := &server{name: load.Pod(i), of: load, open: map[net.Conn]bool{}}
	config, err := sample.Parse(load.Getenv(s.name, versionLabel))
	if err != nil {
		return nil, fmt.Errorf("start pod %s: %w", s.name, err)
	}
	forward, err := w.forward(config)
	if err != nil {
		return nil, fmt.Errorf("start pod %s: %w", s.name, err)
	}
	if !config.Echo {
		s.next = config.Next
	}
	// All calls go to the workload's own Envoy, whatever their target.
	s.transport = &http.Transport{DialContext: w.gates[load.Key()].dial, MaxIdleConnsPerHost: 100}
	handler := chain.New(chain.Options{
		Service: config.Name, Version: config.Version, Pod: config.Pod, Next: s.next,
		Client: &http.Client{Timeout: requestTimeout, Transport: s.transport}, Forward: forward, Delay: config.Delay,
	})
	var listen net.ListenConfig
	listener, err := listen.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("start pod %s: %w", s.name, err)
	}
	if address, ok := listener.Addr().(*net.TCPAddr); ok {
		s.port = address.AddrPort().Port()
	}
	s.http = &http.Server{Handler: readable(handler), ReadHeaderTimeout: requestTimeout, ConnState: s.track}
	go func() { _ = s.http.Serve(listener) }() // returns when the server is closed
	return s, nil
}

// pod returns the server as package envoy describes it.
func (s *server) pod() envoy.Pod {
	return envoy.Pod{
		Namespace: s.of.Namespace, Labels: s.of.Labels,
		Address: "127.0.0.1", Port: uint32(s.port), Ready: true,
	}
}

func (s *server) track(c net.Conn, state http.ConnState) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch state {
	case http.StateNew:
		s.open[c] = true
	case http.StateClosed, http.StateHijacked:
		delete(s.open, c)
	case http.StateActive, http.StateIdle:
	}
	if s.empty != nil && len(s.open) == 0 {
		close(s.empty)
		s.empty = nil
	}
}

// drain ends a server that no Envoy knows any more. Envoys hang up as soon as they have
// their last answer; closing a connection before that could lose a request in flight.
func (s *server) drain(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, drainTimeout)
	defer cancel()
	select {
	case <-s.hungUp():
	case <-ctx.Done():
	}
	defer s.transport.CloseIdleConnections()
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("drain pod %s: %w", s.name, err), s.http.Close())
	}
	return nil
}

func (s *server) hungUp() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	done := make(chan struct{})
	if len(s.open) == 0 {
		close(done)
	} else {
		s.empty = done
	}
	return done
}

// close ends a server at once.
func (s *server) close() error {
	s.transport.CloseIdleConnections()
	return s.http.Close()
}
