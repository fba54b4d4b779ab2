package stage

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/demo/proxy"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/envoy"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/source"
	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

// Embedded is a world on this machine's loopback: a server for each pod, and an Envoy for
// each caller, configured like those of the demo.
type Embedded struct {
	oracle *conform.Oracle
	// Refused has the parts of the world that it can't play.
	Refused []diag.Diagnostic

	dir     string
	guard   *proxy.Guard
	servers []*http.Server
	clients map[string]*http.Client
	proxies []*proxy.Proxy
}

// Embed starts a world, or reports in Refused why it can't play it. Call Close in any
// case.
func Embed(ctx context.Context, envoyPath string, w *conform.World) (_ *Embedded, err error) {
	e := &Embedded{clients: map[string]*http.Client{}}
	defer func() {
		if err != nil {
			err = errors.Join(err, e.Close())
		}
	}()
	// Paths of sockets must be short.
	if e.dir, err = os.MkdirTemp("", "conform-"); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	if e.guard, err = proxy.NewGuard(ctx, e.dir); err != nil {
		return nil, errors.Join(err, os.RemoveAll(e.dir))
	}
	snapshot, result, err := fromFiles(ctx, filepath.Join(e.dir, "manifests"), w)
	if err != nil {
		return nil, err
	}
	e.oracle = &conform.Oracle{World: w, Snapshot: snapshot, Result: result}
	pods, err := e.startServers(ctx, w)
	if err != nil {
		return nil, err
	}
	mesh, refused := envoy.NewMesh(snapshot, result, pods)
	if e.Refused = refused; len(refused) > 0 {
		return e, nil
	}
	return e, e.startProxies(ctx, envoyPath, w, mesh)
}

// fromFiles compiles the manifests of a world as users do.
func fromFiles(ctx context.Context, dir string, w *conform.World) (*model.Snapshot, *compile.Result, error) {
	manifests, err := w.Manifests()
	if err != nil {
		return nil, nil, err
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, nil, fmt.Errorf("make folder: %w", err)
	}
	for name, data := range map[string][]byte{
		"namespaces": manifests.Namespaces, "first": manifests.First, "later": manifests.Later, "users": manifests.Users,
	} {
		if err := os.WriteFile(filepath.Join(dir, name+".yaml"), data, 0o600); err != nil {
			return nil, nil, fmt.Errorf("write manifests: %w", err)
		}
	}
	objects, _, err := source.Read(ctx, []string{dir}, nil, source.FileOptions{})
	if err != nil {
		return nil, nil, err
	}
	snapshot, _ := objects.Snapshot(model.DefaultOptions())
	result := compile.Compile(snapshot)
	return snapshot, &result, nil
}

// startServers starts the pods of all workloads.
func (e *Embedded) startServers(ctx context.Context, w *conform.World) ([]envoy.Pod, error) {
	var out []envoy.Pod
	for i := range w.Workloads {
		l := &w.Workloads[i]
		for n := range l.Replicas {
			listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
			if err != nil {
				return nil, fmt.Errorf("listen for a pod of %s: %w", l.Name, err)
			}
			handler := chain.New(chain.Options{Service: l.ID(), Pod: fmt.Sprintf("%s-%d", l.Name, n)})
			server := &http.Server{Handler: handler, ReadHeaderTimeout: timeout}
			e.servers = append(e.servers, server)
			go func() { _ = server.Serve(listener) }() // it ends when the server is closed
			address, ok := listener.Addr().(*net.TCPAddr)
			if !ok {
				return nil, fmt.Errorf("listen for a pod of %s: at %v", l.Name, listener.Addr())
			}
			out = append(out, envoy.Pod{
				Namespace: l.Namespace, Labels: l.Labels, Ready: true,
				Address: "127.0.0.1", Port: uint32(address.AddrPort().Port()),
			})
		}
	}
	return out, nil
}

// startProxies starts the Envoys of all callers.
func (e *Embedded) startProxies(ctx context.Context, path string, w *conform.World, mesh *envoy.Mesh) error {
	for i, name := range w.Callers() {
		caller, err := w.Workload(name)
		if err != nil {
			return err
		}
		p, err := proxy.Start(ctx, proxy.Options{
			Binary: path, Dir: filepath.Join(e.dir, fmt.Sprint(i)), Name: name,
			Config: mesh.Config(envoy.Proxy{Caller: caller.Source()}), Guard: e.guard,
		})
		if err != nil {
			return err
		}
		e.proxies = append(e.proxies, p)
		e.clients[name] = client(&http.Transport{
			DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) { return p.Dial(ctx) },
		})
	}
	for _, p := range e.proxies {
		if err := p.Ready(ctx); err != nil {
			return err
		}
	}
	return nil
}

// Oracle returns the oracle of the world.
func (e *Embedded) Oracle() *conform.Oracle { return e.oracle }

// Send plays a case. All requests use one socket, so a request for another port than 80
// must name the port in its host, as clients do.
func (e *Embedded) Send(ctx context.Context, c *conform.Case) (*conform.Observation, error) {
	return send(ctx, e.clients[c.From], "envoy", "", c)
}

// Close ends everything.
func (e *Embedded) Close() error {
	var errs []error
	for _, c := range e.clients {
		c.CloseIdleConnections()
	}
	for _, p := range e.proxies {
		errs = append(errs, p.Stop())
	}
	for _, s := range e.servers {
		errs = append(errs, s.Close())
	}
	if e.guard != nil {
		errs = append(errs, e.guard.Close())
	}
	return errors.Join(errs...)
}

// client makes requests with a transport. It returns redirects instead of following them.
func client(t *http.Transport) *http.Client {
	t.DisableCompression = true
	return &http.Client{
		Transport: t, Timeout: timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
