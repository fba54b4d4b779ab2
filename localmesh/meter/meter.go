// Package meter is a proxy between a client and an API server that records every request,
// and changes none.
package meter

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"
)

// Request is a request that passed.
type Request struct {
	Method, Path string
	Query        url.Values
	// Status is the status of the answer, and Bytes the size of its body as sent.
	Status int
	Bytes  int64
}

// String returns "GET /path?query 200 1234".
func (r Request) String() string {
	return fmt.Sprintf("%s %s?%s %d %d", r.Method, r.Path, r.Query.Encode(), r.Status, r.Bytes)
}

// Meter is a running proxy.
type Meter struct {
	// Kubeconfig is the path of a kubeconfig for the proxy. Its readers need no
	// credentials: the proxy adds its own.
	Kubeconfig string

	server *http.Server

	mu       sync.Mutex
	requests []Request
}

// Start starts a proxy for the API server of config, with its kubeconfig in dir. Call
// Close on the result; ctx ends the start only.
func Start(ctx context.Context, config *rest.Config, dir string) (*Meter, error) {
	target, err := url.Parse(config.Host)
	if err != nil {
		return nil, fmt.Errorf("parse the address of the API server: %w", err)
	}
	transport, err := rest.TransportFor(config)
	if err != nil {
		return nil, fmt.Errorf("make a transport: %w", err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	m := &Meter{Kubeconfig: filepath.Join(dir, "meter.kubeconfig")}
	proxy := &httputil.ReverseProxy{
		Rewrite:       func(r *httputil.ProxyRequest) { r.SetURL(target) },
		Transport:     transport,
		FlushInterval: -1,
	}
	m.server = &http.Server{Handler: m.note(proxy), ReadHeaderTimeout: time.Minute}
	kubeconfig := clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"meter": {Server: "http://" + listener.Addr().String()}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"meter": {}},
		Contexts:       map[string]*clientcmdapi.Context{"meter": {Cluster: "meter", AuthInfo: "meter"}},
		CurrentContext: "meter",
	}
	if err := clientcmd.WriteToFile(kubeconfig, m.Kubeconfig); err != nil {
		return nil, errors.Join(fmt.Errorf("write kubeconfig: %w", err), listener.Close())
	}
	go m.server.Serve(listener) //nolint:errcheck // it ends when Close is called
	return m, nil
}

// Close ends the proxy when no request is in flight.
func (m *Meter) Close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return m.server.Shutdown(ctx)
}

// Requests returns the requests that were answered since the last call.
func (m *Meter) Requests() []Request {
	m.mu.Lock()
	defer m.mu.Unlock()
	requests := slices.Clone(m.requests)
	m.requests = nil
	return requests
}

func (m *Meter) note(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		counted := &counter{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(counted, r)
		m.mu.Lock()
		defer m.mu.Unlock()
		m.requests = append(m.requests, Request{
			Method: r.Method, Path: r.URL.Path, Query: r.URL.Query(), Status: counted.status, Bytes: counted.bytes,
		})
	})
}

// counter counts the bytes written through it.
type counter struct {
	http.ResponseWriter
	status int
	bytes  int64
}

// Unwrap lets http.ResponseController reach Flush.
func (c *counter) Unwrap() http.ResponseWriter { return c.ResponseWriter }

// WriteHeader records the status.
func (c *counter) WriteHeader(status int) {
	c.status = status
	c.ResponseWriter.WriteHeader(status)
}

// Write records the size.
func (c *counter) Write(data []byte) (int, error) {
	n, err := c.ResponseWriter.Write(data)
	c.bytes += int64(n)
	return n, err
}
