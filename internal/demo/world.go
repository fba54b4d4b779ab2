package demo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/overrides-mesh/overrides/internal/demo/judge"
	"github.com/overrides-mesh/overrides/internal/demo/proxy"
	"github.com/overrides-mesh/overrides/internal/demo/workload"
	"github.com/overrides-mesh/overrides/internal/envoy"
	"github.com/overrides-mesh/overrides/internal/route"
)

// requestTimeout limits every request of the demo.
const requestTimeout = 30 * time.Second

// clientName is the name of the caller of all services.
const clientName = "client"

// World is the running demo: pods, and an Envoy for each workload and for the client.
type World struct {
	options Options
	guard   *proxy.Guard
	dir     string
	// servers are the pods, by the properties that identify a pod.
	servers map[string]*server
	// proxies are the Envoys, and gates the pods' way to them, by workload.
	proxies map[string]*proxy.Proxy
	gates   map[string]*gate
	// made counts folders; their names must be short.
	made int
	// failed receives spontaneous failures.
	failed chan error
	// port is the port of the client's Envoy.
	port  uint16
	judge *judge.Judge
	// trust is set if the Envoys take overrides from tokens alone.
	trust *trust
}

// Start starts a state. Close must be called in any case.
func Start(ctx context.Context, o Options, s *State) (*World, error) {
	w := &World{
		options: o, servers: map[string]*server{}, proxies: map[string]*proxy.Proxy{}, gates: map[string]*gate{},
		failed: make(chan error, 1), judge: judge.New(),
	}
	var err error
	if o.Trust {
		if w.trust, err = newTrust(s.Snapshot.Options.Header); err != nil {
			return w, err
		}
	}
	if w.dir, err = makeFolder(o.TempDir); err != nil {
		return w, err
	}
	if w.guard, err = proxy.NewGuard(ctx, w.dir); err != nil {
		return w, errors.Join(err, os.RemoveAll(w.dir))
	}
	return w, w.Update(ctx, s)
}

// makeFolder creates a folder whose path is short enough for sockets in it.
func makeFolder(parent string) (string, error) {
	const longest, pattern = 60, "overrides-demo-"
	if parent == "" {
		parent = os.TempDir()
	}
	if len(parent) > longest {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, pattern)
	if err != nil {
		return "", fmt.Errorf("make folder: %w", err)
	}
	return dir, nil
}

// Failed receives an error when an Envoy ends by itself.
func (w *World) Failed() <-chan error { return w.failed }

// Update changes the running demo to a state. It starts new servers first, then updates
// the Envoys step by step, and ends servers that are no longer wanted after the last
// Envoy has dropped them.
func (w *World) Update(ctx context.Context, s *State) error {
	wanted, err := w.startServers(ctx, s)
	if err != nil {
		return err
	}
	pods := make([]envoy.Pod, 0, len(wanted))
	for _, key := range slices.Sorted(maps.Keys(wanted)) {
		pods = append(pods, w.servers[key].pod())
	}
	mesh, _ := envoy.NewMesh(s.Snapshot, &s.Result, pods)
	configs := w.configs(mesh, s)
	if err := w.startProxies(ctx, configs); err != nil {
		return err
	}
	w.judge.Change(w.expectation(s, mesh, wanted))
	var group errgroup.Group
	for key, c := range configs {
		group.Go(func() error { return w.proxies[key].Apply(ctx, c.config) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	w.judge.Settle()
	return w.retire(ctx, wanted, configs)
}

// expectation says where requests should go once a state is in force.
func (w *World) expectation(s *State, mesh *envoy.Mesh, wanted map[string]bool) *judge.Expectation {
	var pods []judge.Pod
	for key := range wanted {
		server := w.servers[key]
		pods = append(pods, judge.Pod{
			Name: server.name, Namespace: server.of.Namespace, Labels: server.of.Labels, Next: server.next, Caller: callerOf(server.of),
		})
	}
	return judge.Expect(s.Snapshot, mesh, pods)
}

// startServers starts the missing pods, and returns the wanted ones.
func (w *World) startServers(ctx context.Context, s *State) (map[string]bool, error) {
	wanted := map[string]bool{}
	for i := range s.Workloads {
		load := &s.Workloads[i]
		if w.gates[load.Key()] == nil {
			w.gates[load.Key()] = &gate{}
		}
		for n := range load.Replicas {
			key := load.Key() + "/" + load.Revision() + "/" + strconv.Itoa(n)
			wanted[key] = true
			if w.servers[key] != nil {
				continue
			}
			server, err := w.startServer(ctx, load, n, s.Snapshot.Options.VersionLabel)
			if err != nil {
				return nil, err
			}
			w.servers[key] = server
		}
	}
	return wanted, nil
}

// proxyConfig is the configuration of the Envoy of a workload.
type proxyConfig struct {
	name   string
	port   uint16
	config *envoy.Config
}

// configs returns the configuration of each Envoy, by workload.
func (w *World) configs(mesh *envoy.Mesh, s *State) map[string]proxyConfig {
	out := map[string]proxyConfig{}
	for i := range s.Workloads {
		load := &s.Workloads[i]
		out[load.Key()] = proxyConfig{
			name:   load.Name,
			config: mesh.Config(envoy.Proxy{Caller: callerOf(load)}),
		}
	}
	entry := s.Entry()
	out[clientName] = proxyConfig{
		name: clientName, port: w.port,
		config: mesh.Config(envoy.Proxy{Caller: s.Client(), Default: entry.Host}),
	}
	return out
}

func callerOf(w *workload.Workload) route.Caller {
	return route.Caller{Namespace: w.Namespace, Labels: identity(w)}
}

// startProxies starts the missing Envoys, all at once, and waits for them.
func (w *World) startProxies(ctx context.Context, configs map[string]proxyConfig) error {
	var group errgroup.Group
	var client *proxy.Proxy
	for _, key := range slices.Sorted(maps.Keys(configs)) {
		c := configs[key]
		switch {
		case w.proxies[key] != nil:
		case key == clientName:
			group.Go(func() (err error) {
				client, err = w.startClient(ctx, c)
				return err
			})
		default:
			w.made++
			p, err := w.startProxy(ctx, c, strconv.Itoa(w.made))
			if err != nil {
				return errors.Join(err, group.Wait())
			}
			w.proxies[key] = p
			w.gates[key].proxy.Store(p)
			group.Go(func() error { return p.Ready(ctx) })
		}
	}
	err := group.Wait()
	if client != nil {
		w.proxies[clientName] = client
	}
	return err
}

func (w *World) startProxy(ctx context.Context, c proxyConfig, folder string) (*proxy.Proxy, error) {
	p, err := proxy.Start(ctx, proxy.Options{
		Binary: w.options.Envoy, Dir: filepath.Join(w.dir, folder),
		Name: c.name, Port: c.port, Config: c.config, Parts: w.trust.envoyParts(), Guard: w.guard,
	})
	if err != nil {
		return nil, err
	}
	go func() {
		if err := p.Wait(); err != nil {
			select {
			case w.failed <- err:
			default: // one error is enough
			}
		}
	}()
	return p, nil
}

// retire ends servers and proxies that are no longer wanted.
func (w *World) retire(ctx context.Context, servers map[string]bool, proxies map[string]proxyConfig) error {
	var group errgroup.Group
	for key, s := range w.servers {
		if !servers[key] {
			delete(w.servers, key)
			group.Go(func() error { return s.drain(ctx) })
		}
	}
	err := group.Wait()
	var last errgroup.Group
	for key, p := range w.proxies {
		if _, wanted := proxies[key]; !wanted {
			delete(w.proxies, key)
			delete(w.gates, key)
			last.Go(p.Stop)
		}
	}
	return errors.Join(err, last.Wait())
}

// Close ends everything.
func (w *World) Close() error {
	var group errgroup.Group
	for _, p := range w.proxies {
		group.Go(p.Stop)
	}
	for _, s := range w.servers {
		group.Go(s.close)
	}
	err := group.Wait()
	w.proxies, w.servers = nil, nil
	if w.guard != nil {
		// This removes the folder.
		err = errors.Join(err, w.guard.Close())
		w.guard = nil
	}
	return err
}
