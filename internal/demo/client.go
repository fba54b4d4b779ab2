package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strconv"

	"github.com/overrides-mesh/overrides/internal/demo/proxy"
)

// DefaultPort is the port of the client's Envoy, unless it is taken.
const DefaultPort = 8080

// startClient starts the Envoy before the first Service, on the requested port, or else
// on the default one, or else on any free one.
func (w *World) startClient(ctx context.Context, c proxyConfig) (*proxy.Proxy, error) {
	const attempts = 5
	for n := 1; ; n++ {
		port, err := w.choosePort(ctx, n)
		if err != nil {
			return nil, err
		}
		c.port = port
		p, err := w.startProxy(ctx, c, clientName+strconv.Itoa(n))
		if err != nil {
			return nil, err
		}
		if err = p.Ready(ctx); err == nil {
			w.port = port
			return p, nil
		}
		err = errors.Join(err, p.Stop())
		// Another program may have taken the port in the meantime.
		if ctx.Err() != nil || n == attempts || isFree(ctx, port) {
			return nil, err
		}
	}
}

// choosePort returns a port for the n-th attempt.
func (w *World) choosePort(ctx context.Context, n int) (uint16, error) {
	switch {
	case w.options.Port != 0 && isFree(ctx, w.options.Port):
		return w.options.Port, nil
	case w.options.Port != 0:
		return 0, fmt.Errorf("port %d is taken by another program", w.options.Port)
	case n == 1 && isFree(ctx, DefaultPort):
		return DefaultPort, nil
	}
	port, err := listen(ctx, 0)
	if err != nil {
		return 0, fmt.Errorf("find a free port: %w", err)
	}
	return port, nil
}

func isFree(ctx context.Context, port uint16) bool {
	_, err := listen(ctx, port)
	return err == nil
}

// listen listens on a port of the loopback address for a moment, and returns it.
func listen(ctx context.Context, port uint16) (uint16, error) {
	var config net.ListenConfig
	listener, err := config.Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(port))))
	if err != nil {
		return 0, err
	}
	defer listener.Close()
	if address, ok := listener.Addr().(*net.TCPAddr); ok {
		port = address.AddrPort().Port()
	}
	return port, nil
}

// URL is the address of the client's Envoy. Requests go to the Service that their Host
// names, also as a proxy, or else to the first Service.
func (w *World) URL() string { return fmt.Sprintf("http://127.0.0.1:%d", w.port) }

// Client returns a client that sends all requests through the client's Envoy.
func (w *World) Client() *http.Client {
	through := func(*http.Request) (*url.URL, error) { return url.Parse(w.URL()) }
	return &http.Client{
		Timeout:   requestTimeout,
		Transport: &http.Transport{Proxy: through, MaxIdleConnsPerHost: 100},
	}
}
