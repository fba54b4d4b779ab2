package sample

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

// ErrCrashed is the error of a service that crashed on request.
var ErrCrashed = errors.New("crashed on request")

// shutdown limits how long requests in flight may take after the server has stopped
// accepting new ones.
const shutdown = 5 * time.Second

// Run serves until ctx ends, and for the drain time after that. It returns nil if all
// requests in flight were answered then.
func Run(ctx context.Context, c Config, log *slog.Logger) error {
	forwards := chain.NewForward
	if c.ForwardOnly {
		forwards = chain.OnlyForward
	}
	forward, err := forwards(c.Forward...)
	if err != nil {
		return err
	}
	p := &program{Config: c, log: log, crash: make(chan struct{}, 1)}
	if c.CrashAfter > 0 {
		defer time.AfterFunc(c.CrashAfter, p.fall).Stop()
	}
	p.readyAt.Store(time.Now().Add(c.ReadyAfter).UnixNano())
	options := chain.Options{
		Service: c.Name, Version: c.Version, Pod: c.Pod, Next: c.Next,
		Client: &http.Client{Timeout: 30 * time.Second, Transport: transport()}, Forward: forward, Delay: c.Delay,
	}
	if c.Echo {
		options.Next = nil
	}
	handler := p.health(failFirst(c.FailFirst, chain.New(options)))
	if c.Control {
		handler = p.control(handler)
	}
	return p.run(ctx, handler)
}

// transport keeps as many connections to the next service, or to its proxy, as are used
// at a time. The default is two, and a load would open one for each call.
func transport() *http.Transport {
	t, ok := http.DefaultTransport.(*http.Transport)
	if !ok {
		return &http.Transport{Proxy: http.ProxyFromEnvironment}
	}
	t = t.Clone()
	t.MaxIdleConnsPerHost = t.MaxIdleConns
	return t
}

type program struct {
	Config
	log *slog.Logger
	// crash ends the program.
	crash chan struct{}
	// readyAt is when /healthz changes to 200, in Unix nanoseconds; 0 means never.
	readyAt atomic.Int64
}

// fall crashes the program, unless it is already crashing.
func (p *program) fall() {
	select {
	case p.crash <- struct{}{}:
	default:
	}
}

// health answers /healthz while the service is not ready.
func (p *program) health(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if at := p.readyAt.Load(); r.URL.Path == "/healthz" && (at == 0 || time.Now().UnixNano() < at) {
			http.Error(w, "not ready", http.StatusServiceUnavailable)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// attemptHeader is the number of a proxy's attempt for one request, from 1.
const attemptHeader = "X-Envoy-Attempt-Count"

// failFirst answers the first n attempts of each request like the others, but with 503.
// Requests without the header are first attempts.
func failFirst(n int, next http.Handler) http.Handler {
	if n == 0 {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		attempt, err := strconv.Atoi(r.Header.Get(attemptHeader))
		if err != nil {
			attempt = 1
		}
		if attempt <= n && r.URL.Path != "/healthz" {
			w = unavailable{w}
		}
		next.ServeHTTP(w, r)
	})
}

// unavailable makes every answer a 503.
type unavailable struct{ http.ResponseWriter }

func (u unavailable) WriteHeader(int) { u.ResponseWriter.WriteHeader(http.StatusServiceUnavailable) }

func (p *program) run(ctx context.Context, h http.Handler) error {
	if p.ListenAfter > 0 {
		if ended, err := p.wait(ctx, p.ListenAfter); ended {
			return err
		}
	}
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort(p.Address, strconv.Itoa(p.Port)))
	if err != nil {
		return err
	}
	server := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second, Protocols: new(http.Protocols)}
	server.Protocols.SetHTTP1(true)
	server.Protocols.SetUnencryptedHTTP2(true)
	defer server.Close()
	served := make(chan error, 1)
	go func() { served <- server.Serve(listener) }()
	p.log.Info("listening", "address", listener.Addr().String(), "service", p.Name, "version", p.Version, "pod", p.Pod)

	select {
	case err := <-served:
		return fmt.Errorf("serve: %w", err)
	case <-p.crash:
		return ErrCrashed
	case <-ctx.Done():
		return p.drain(context.WithoutCancel(ctx), server)
	}
}

// drain keeps serving for a while: proxies must learn that this endpoint is gone before
// it is.
func (p *program) drain(ctx context.Context, server *http.Server) error {
	p.log.Info("draining", "for", p.Drain)
	p.readyAt.Store(0)
	if ended, err := p.wait(ctx, p.Drain); ended {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, shutdown)
	defer cancel()
	if err := server.Shutdown(ctx); err != nil {
		return fmt.Errorf("answer the last requests: %w", err)
	}
	return nil
}

// wait waits for d, and reports whether the program ended before that.
func (p *program) wait(ctx context.Context, d time.Duration) (ended bool, err error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false, nil
	case <-p.crash:
		return true, ErrCrashed
	case <-ctx.Done():
		return true, nil
	}
}
