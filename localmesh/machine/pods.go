//go:build linux

package machine

import (
	"context"
	"net/netip"
	"os"
	"path/filepath"
	"sync"

	"github.com/overrides-mesh/overrides/localmesh/agent"
	"github.com/overrides-mesh/overrides/localmesh/sandbox"
)

// pods makes the sandboxes of Pods, and finds them by address.
type pods struct {
	network *sandbox.Network
	dir     string

	mu   sync.Mutex
	byIP map[netip.Addr]*sandbox.Sandbox
}

// New makes the sandbox of one Pod.
func (p *pods) New(_ context.Context, options agent.SandboxOptions) (agent.Sandbox, error) {
	file := filepath.Join(p.dir, options.IP.String())
	if err := os.WriteFile(file, []byte(options.ResolvConf), 0o600); err != nil {
		return nil, err
	}
	made, err := p.network.New(sandbox.Options{Name: options.Name, IP: options.IP, Redirect: options.Redirect, ResolvConf: file})
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.byIP[options.IP] = made
	return &pod{Sandbox: made, pods: p, ip: options.IP}, nil
}

// find returns the sandbox at an address, nil if there is none.
func (p *pods) find(ip netip.Addr) *sandbox.Sandbox {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.byIP[ip]
}

// pod is a sandbox for the agent.
type pod struct {
	*sandbox.Sandbox
	pods *pods
	ip   netip.Addr
}

// Start runs a program in it.
func (p *pod) Start(c agent.Command) (agent.Process, error) {
	return p.Sandbox.Start(sandbox.Command{Path: c.Path, Args: c.Args, Env: c.Env, Dir: c.Dir, Output: c.Output})
}

// Close removes it.
func (p *pod) Close() error {
	p.pods.mu.Lock()
	if p.pods.byIP[p.ip] == p.Sandbox {
		delete(p.pods.byIP, p.ip)
	}
	p.pods.mu.Unlock()
	return p.Sandbox.Close()
}
