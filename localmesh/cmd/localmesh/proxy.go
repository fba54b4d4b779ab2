package main

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/overrides-mesh/overrides/localmesh"
)

// entry is an HTTP proxy by which programs outside the mesh make requests from
// inside it. The user name says from which Pod:
//
//	curl -x http://caller-a.chain@127.0.0.1:PORT http://service-1/
//
// is a request of a Pod labelled app=caller-a in namespace chain, through its
// sidecar.
type entry struct {
	mesh *localmesh.Mesh

	mu      sync.Mutex
	clients map[localmesh.Pod]http.RoundTripper
}

// serveEntry serves on a port of loopback until ctx ends, and returns its address.
func serveEntry(ctx context.Context, mesh *localmesh.Mesh, port int) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return "", fmt.Errorf("listen for requests into the mesh: %w", err)
	}
	server := &http.Server{Handler: &entry{mesh: mesh, clients: map[localmesh.Pod]http.RoundTripper{}}, ReadHeaderTimeout: 10 * time.Second}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	// Serve returns when the context ends.
	go func() { _ = server.Serve(listener) }()
	return listener.Addr().String(), nil
}

func (e *entry) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	transport, err := e.transport(r)
	if err == nil && !r.URL.IsAbs() {
		err = errors.New("use it as a proxy: curl -x http://APP.NAMESPACE@ADDRESS http://SERVICE/")
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadGateway)
		return
	}
	proxy := &httputil.ReverseProxy{
		Rewrite: func(p *httputil.ProxyRequest) { p.Out.Host = p.In.Host },
		// The caller's own connection and the sidecar's view of it are separate.
		Transport: transport,
		ErrorHandler: func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusBadGateway)
		},
	}
	proxy.ServeHTTP(w, r)
}

// transport returns the transport of the Pod in the user name of r.
func (e *entry) transport(r *http.Request) (http.RoundTripper, error) {
	pod, err := e.caller(r)
	if err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if known := e.clients[pod]; known != nil {
		return known, nil
	}
	client, err := e.mesh.Client(r.Context(), pod)
	if err != nil {
		return nil, err
	}
	e.clients[pod] = client.Transport
	return client.Transport, nil
}

func (e *entry) caller(r *http.Request) (localmesh.Pod, error) {
	encoded, _ := strings.CutPrefix(r.Header.Get("Proxy-Authorization"), "Basic ")
	decoded, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		return localmesh.Pod{}, fmt.Errorf("read the user name: %w", err)
	}
	user, _, _ := strings.Cut(string(decoded), ":")
	app, namespace, found := strings.Cut(user, ".")
	if !found {
		return localmesh.Pod{}, fmt.Errorf("the user name %q is not APP.NAMESPACE", user)
	}
	return e.mesh.Pod(r.Context(), namespace, "app="+app)
}
