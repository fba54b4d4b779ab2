package collect

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
)

// Collector is a collector whose addresses are open.
type Collector struct {
	options Options
	log     *slog.Logger
	store   *store
	metrics *metrics
	// replicas returns where all replicas answer.
	replicas func(context.Context) ([]string, error)

	receive, answer, status net.Listener
}

const (
	// endTime is how long the end of the collector may take.
	endTime = 2 * time.Second
	// expireEvery is how often old records are removed, besides when new ones arrive.
	expireEvery = 10 * time.Second
)

// Open opens the addresses of a collector.
func Open(ctx context.Context, options *Options, log *slog.Logger) (*Collector, error) {
	if err := options.Check(); err != nil {
		return nil, err
	}
	c := &Collector{options: *options, log: log, store: newStore(strings.ToLower(rand.Text()), options)}
	c.metrics = newMetrics(c.store)
	var config net.ListenConfig
	var opened []net.Listener
	for _, l := range []struct {
		address string
		to      *net.Listener
	}{{options.ReceiveAddress, &c.receive}, {options.AnswerAddress, &c.answer}, {options.StatusAddress, &c.status}} {
		listener, err := config.Listen(ctx, "tcp", l.address)
		if err != nil {
			for _, o := range opened {
				err = errors.Join(err, o.Close())
			}
			return nil, fmt.Errorf("open the collector: %w", err)
		}
		*l.to, opened = listener, append(opened, listener)
	}
	_, port, err := net.SplitHostPort(c.Answers())
	c.replicas = replicasAt(options.Peers, port)
	return c, err
}

// Receives returns the address for proxies.
func (c *Collector) Receives() string { return c.receive.Addr().String() }

// Answers returns the address for queries.
func (c *Collector) Answers() string { return c.answer.Addr().String() }

// Status returns the address of metrics and probes.
func (c *Collector) Status() string { return c.status.Addr().String() }

// Run serves until ctx ends. It then takes what proxies have sent already.
func (c *Collector) Run(ctx context.Context) error {
	c.log.Info("collecting trails", "receive", c.Receives(), "answer", c.Answers(), "status", c.Status())
	group, ctx := errgroup.WithContext(ctx)
	receiver := &receiver{reader: c.options.Reader, store: c.store, metrics: c.metrics, log: c.log, free: make(chan struct{}, c.options.MaxStreams)}
	for range c.options.MaxStreams {
		receiver.free <- struct{}{}
	}
	proxies := receiver.server()
	group.Go(func() error { return serveProxies(ctx, proxies, c.receive) })
	group.Go(func() error { return serveHTTP(ctx, c.answer, newAnswers(c)) })
	group.Go(func() error { return serveHTTP(ctx, c.status, c.statusHandler()) })
	group.Go(func() error {
		c.expire(ctx)
		return nil
	})
	return group.Wait()
}

// serveProxies serves the access log service. Proxies never end their streams: the server tells them to
// go, and ends the streams that are left.
func serveProxies(ctx context.Context, server *grpc.Server, listener net.Listener) error {
	defer context.AfterFunc(ctx, func() {
		left := time.AfterFunc(endTime, server.Stop)
		defer left.Stop()
		server.GracefulStop()
	})()
	if err := server.Serve(listener); err != nil {
		return fmt.Errorf("serve proxies: %w", err)
	}
	return nil
}

// serveHTTP serves HTTP until ctx ends. Requests that follow records end with it.
func serveHTTP(ctx context.Context, listener net.Listener, handler http.Handler) error {
	server := &http.Server{
		Handler: handler, ReadHeaderTimeout: 5 * time.Second, WriteTimeout: writeTime, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
		BaseContext: func(net.Listener) context.Context { return ctx },
	}
	stopped := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(stopped)
		end, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
		defer cancel()
		_ = server.Shutdown(end)
	})
	err := server.Serve(listener)
	if !stop() {
		<-stopped
	}
	if !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve %s: %w", listener.Addr(), err)
	}
	return nil
}

// expire removes old records until ctx ends.
func (c *Collector) expire(ctx context.Context) {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			c.metrics.evicted.Add(float64(c.store.expire(now)))
		}
	}
}

// statusHandler serves metrics and probes.
func (c *Collector) statusHandler() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(c.metrics.registry, promhttp.HandlerOpts{}))
	for _, probe := range []string{"GET /healthz", "GET /readyz"} {
		mux.HandleFunc(probe, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	}
	return mux
}
