package proxy

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"

	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/envoy"
	"github.com/overrides-mesh/overrides/internal/process"
)

// The files in an Envoy's folder.
const (
	bootstrapFile = "envoy.json"
	clustersFile  = "clusters.json"
	routesFile    = "routes.json"
	adminSocket   = "admin.sock"
	listenSocket  = "listen.sock"
	logFile       = "log"
)

// Options are settings of an Envoy.
type Options struct {
	// Binary is the path of the program.
	Binary string
	// Dir is a folder for this Envoy alone. It contains sockets, whose paths may have
	// about 100 bytes.
	Dir string
	// Name is used in messages, and for the Envoy's node.
	Name string
	// Port is its port on the loopback address; 0 means a socket in Dir.
	Port uint16
	// Config is its first configuration.
	Config *envoy.Config
	// Parts take overrides from tokens; nil for an Envoy that takes them from the header.
	Parts *edge.Parts
	Guard *Guard
}

// Proxy is a running Envoy.
type Proxy struct {
	options Options
	process *process.Process
	// ended is closed when it has ended and the guard has forgotten it.
	ended chan struct{}
	admin *http.Client
	// current is the configuration that is known to be in force.
	current *envoy.Config
	// versions are the versions of the files written last.
	versions versions
	stopping atomic.Bool
}

// Start starts an Envoy, without waiting for it: see [Proxy.Ready].
func Start(ctx context.Context, o Options) (*Proxy, error) {
	p := &Proxy{options: o, current: o.Config}
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of %s: %w", o.Name, err)
	}
	for _, step := range []envoy.Step{{Clusters: o.Config.Clusters}, {Routes: o.Config.Routes}} {
		if err := p.write(&step); err != nil {
			return nil, fmt.Errorf("configure %s: %w", o.Name, err)
		}
	}
	place := envoy.Place{
		Name:     o.Name,
		Clusters: p.path(clustersFile), Routes: p.path(routesFile), Admin: p.path(adminSocket),
		Port: uint32(o.Port),
	}
	if o.Port == 0 {
		place.Socket = p.Socket()
	}
	if o.Parts != nil {
		place.Early, place.Filters = o.Parts.Early, o.Parts.Filters
	}
	bootstrap, err := envoy.Bootstrap(place)
	if err != nil {
		return nil, fmt.Errorf("configure %s: %w", o.Name, err)
	}
	if err := os.WriteFile(p.path(bootstrapFile), bootstrap, 0o600); err != nil {
		return nil, fmt.Errorf("configure %s: %w", o.Name, err)
	}
	p.admin = adminClient(p.path(adminSocket))
	if err := p.run(ctx); err != nil {
		return nil, fmt.Errorf("%s: %w", o.Name, err)
	}
	return p, nil
}

func (p *Proxy) path(name string) string { return filepath.Join(p.options.Dir, name) }

// Socket is the path of the socket that it listens on, if it has no port.
func (p *Proxy) Socket() string { return p.path(listenSocket) }

// Ready waits until the Envoy serves with its configuration.
func (p *Proxy) Ready(ctx context.Context) error {
	return p.await(ctx, "start envoy of "+p.options.Name, func(ctx context.Context) (bool, error) {
		if !p.live(ctx) {
			return false, nil
		}
		return p.inForce(ctx)
	})
}

// Apply changes the Envoy from the present to another configuration. After an error it
// may have stopped at any step, after which everything still works.
func (p *Proxy) Apply(ctx context.Context, config *envoy.Config) error {
	for _, step := range envoy.Steps(p.current, config) {
		if err := p.write(&step); err != nil {
			return fmt.Errorf("configure %s: %w", p.options.Name, err)
		}
		if err := p.await(ctx, "configure "+p.options.Name, p.inForce); err != nil {
			return err
		}
		if step.Routes != nil {
			p.current = &envoy.Config{Clusters: p.current.Clusters, Routes: step.Routes}
		} else {
			p.current = &envoy.Config{Clusters: step.Clusters, Routes: p.current.Routes}
		}
	}
	return nil
}

// Stop ends the Envoy.
func (p *Proxy) Stop() error {
	p.stopping.Store(true)
	p.admin.CloseIdleConnections()
	if err := p.process.Stop(); err != nil {
		return fmt.Errorf("%s: %w", p.options.Name, err)
	}
	<-p.ended
	return nil
}

// Wait waits until the Envoy has ended. It returns an error unless Stop was called.
func (p *Proxy) Wait() error {
	<-p.ended
	if p.stopping.Load() {
		return nil
	}
	return fmt.Errorf("%s: %w: %v%s", p.options.Name, errEnded, p.process.State(), p.logTail())
}

// Pid returns the number of the process.
func (p *Proxy) Pid() int { return p.process.ID() }

// Dial connects to the Envoy's listener.
func (p *Proxy) Dial(ctx context.Context) (net.Conn, error) {
	var d net.Dialer
	if p.options.Port == 0 {
		return d.DialContext(ctx, "unix", p.Socket())
	}
	return d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(int(p.options.Port))))
}

// write replaces the file of a step as a whole: Envoy reads a file when another one is
// moved into its place.
func (p *Proxy) write(step *envoy.Step) error {
	if step.Routes != nil {
		file, err := envoy.RouteFile(step.Routes)
		if err != nil {
			return err
		}
		p.versions.routes = file.Version
		return p.swap(routesFile, file.JSON)
	}
	file, err := envoy.ClusterFile(step.Clusters)
	if err != nil {
		return err
	}
	p.versions.clusters = file.Version
	return p.swap(clustersFile, file.JSON)
}

func (p *Proxy) swap(name string, data []byte) error {
	if err := os.WriteFile(p.path(name+".new"), data, 0o600); err != nil {
		return err
	}
	return os.Rename(p.path(name+".new"), p.path(name))
}
