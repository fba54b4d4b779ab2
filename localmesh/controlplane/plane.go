package controlplane

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"

	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	clientcmdapi "k8s.io/client-go/tools/clientcmd/api"

	"github.com/overrides-mesh/overrides/localmesh/port"
	"github.com/overrides-mesh/overrides/localmesh/program"
)

const loopback = "127.0.0.1"

// Options are settings of a control plane. The zero value works.
type Options struct {
	// Log receives a line for each program that is built or started, if it is not nil.
	Log io.Writer
	// Dir is the folder for all files, which must not exist yet; empty for a temporary
	// one.
	Dir string
	// Bind is the address that kube-apiserver listens on, loopback if empty.
	Bind string
	// Addresses are additional IP addresses at which clients reach kube-apiserver.
	Addresses []string
	// Flags are passed to kube-apiserver after the flags that it always gets.
	Flags []string
	// AuditGroups are groups of users whose requests are recorded in [Plane.AuditLog].
	AuditGroups []string
	// Controllers says that kube-controller-manager will be started: without it there are
	// no service accounts, which every Pod needs.
	Controllers bool
}

// Plane is a running control plane.
type Plane struct {
	// Kubeconfig is the path of a kubeconfig for an administrator.
	Kubeconfig string
	// Config is the same for client-go, without a limit on queries.
	Config *rest.Config
	// Dir has all files that were written, including logs.
	Dir string

	log       io.Writer
	bind      string
	address   string
	authority *authority

	mu       sync.Mutex
	children []*child
}

// Start starts etcd and kube-apiserver, and first builds them if necessary. Call Stop on
// the result. ctx ends the start, not the server.
func Start(ctx context.Context, options Options) (*Plane, error) {
	if options.Log == nil {
		options.Log = io.Discard
	}
	if options.Bind == "" {
		options.Bind = loopback
	}
	paths, err := program.Build(ctx, program.Kubernetes(), options.Log)
	if err != nil {
		return nil, err
	}
	// Another program may take a free port before the server listens on it.
	const attempts = 3
	for attempt := 1; ; attempt++ {
		plane, err := startPlane(ctx, paths, options)
		if err == nil || attempt == attempts || ctx.Err() != nil || !errors.Is(err, errEnded) {
			return plane, err
		}
		fmt.Fprintf(options.Log, "starting again: %v\n", err)
	}
}

func startPlane(ctx context.Context, paths program.Paths, options Options) (_ *Plane, err error) {
	dir := options.Dir
	if dir == "" {
		dir, err = os.MkdirTemp("", "overrides-localmesh-")
	} else {
		err = os.Mkdir(dir, 0o700)
	}
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	p := &Plane{Dir: dir, Kubeconfig: filepath.Join(dir, "kubeconfig"), log: options.Log, bind: options.Bind}
	defer func() {
		if err != nil {
			err = errors.Join(err, p.Stop())
		}
	}()
	ports, err := port.Free(ctx, 3)
	if err != nil {
		return nil, err
	}
	p.address = "https://" + net.JoinHostPort(loopback, ports[2])
	if err := p.writeIdentities(options.Addresses); err != nil {
		return nil, err
	}
	if err := p.startEtcd(ctx, paths["etcd"], ports[0], ports[1]); err != nil {
		return nil, err
	}
	flags, err := p.auditFlags(options.AuditGroups)
	if err != nil {
		return nil, err
	}
	flags = append(flags, options.Flags...)
	if !options.Controllers {
		flags = append([]string{"--disable-admission-plugins=ServiceAccount"}, flags...)
	}
	etcd := "http://" + net.JoinHostPort(loopback, ports[0])
	if err := p.startAPIServer(ctx, paths["kube-apiserver"], etcd, ports[2], flags); err != nil {
		return nil, err
	}
	fmt.Fprintf(options.Log, "kube-apiserver is ready at %s\n", p.address)
	return p, nil
}

// Stop ends the programs in the order of their dependencies, and deletes their files.
func (p *Plane) Stop() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	var errs []error
	for _, child := range slices.Backward(p.children) {
		errs = append(errs, child.Stop())
	}
	p.children = nil
	return errors.Join(append(errs, os.RemoveAll(p.Dir))...)
}

// Signal sends a signal to a program, by name.
func (p *Plane) Signal(name string, signal syscall.Signal) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, child := range p.children {
		if child.command.name() == name {
			return child.Signal(signal)
		}
	}
	return fmt.Errorf("signal %s: no such program", name)
}

// Restart ends a program, if it has not ended yet, starts it again, and returns
// when it is ready.
func (p *Plane) Restart(ctx context.Context, name string) error {
	again, err := p.restart(name)
	if err != nil {
		return fmt.Errorf("restart %s: %w", name, err)
	}
	return again.waitReady(ctx)
}

func (p *Plane) restart(name string) (*child, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.children, func(c *child) bool { return c.command.name() == name })
	if i < 0 {
		return nil, errors.New("no such program")
	}
	if err := p.children[i].Stop(); err != nil {
		return nil, err
	}
	again, err := startChild(p.children[i].command)
	if err == nil {
		p.children[i] = again
	}
	return again, err
}

// start runs a program and waits until it is ready.
func (p *Plane) start(ctx context.Context, c command) error {
	started, err := startChild(c)
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.children = append(p.children, started)
	p.mu.Unlock()
	return started.waitReady(ctx)
}

// writeIdentities creates all keys and certificates, and the kubeconfig.
func (p *Plane) writeIdentities(addresses []string) error {
	ca, err := newAuthority()
	if err != nil {
		return err
	}
	p.authority = ca
	serving, err := ca.server("kube-apiserver", addresses, "kubernetes.default.svc")
	if err != nil {
		return err
	}
	private, public, err := signingKeys()
	if err != nil {
		return err
	}
	caKey, err := encodeKey(ca.key)
	if err != nil {
		return err
	}
	if err := writeFiles(p.Dir, map[string][]byte{
		"ca.crt": ca.pem, "ca.key": caKey, "apiserver.crt": serving.certificate, "apiserver.key": serving.key, "sa.key": private, "sa.pub": public,
	}); err != nil {
		return fmt.Errorf("write certificates: %w", err)
	}
	p.Config, err = p.writeKubeconfig(p.Kubeconfig, "admin", "system:masters")
	return err
}

// writeKubeconfig writes a kubeconfig for a user of some groups, and returns the same for
// client-go.
func (p *Plane) writeKubeconfig(path, user string, groups ...string) (*rest.Config, error) {
	identity, err := p.authority.client(user, groups...)
	if err != nil {
		return nil, err
	}
	kubeconfig := clientcmdapi.Config{
		Clusters:       map[string]*clientcmdapi.Cluster{"localmesh": {Server: p.address, CertificateAuthorityData: p.authority.pem}},
		AuthInfos:      map[string]*clientcmdapi.AuthInfo{"user": {ClientCertificateData: identity.certificate, ClientKeyData: identity.key}},
		Contexts:       map[string]*clientcmdapi.Context{"localmesh": {Cluster: "localmesh", AuthInfo: "user"}},
		CurrentContext: "localmesh",
	}
	if err := clientcmd.WriteToFile(kubeconfig, path); err != nil {
		return nil, fmt.Errorf("write kubeconfig: %w", err)
	}
	config, err := clientcmd.NewDefaultClientConfig(kubeconfig, nil).ClientConfig()
	if err != nil {
		return nil, fmt.Errorf("read kubeconfig: %w", err)
	}
	config.QPS = -1
	return config, nil
}

// getReady returns a check that url answers with 200.
func getReady(transport http.RoundTripper, url string) func(context.Context) error {
	client := &http.Client{Transport: transport}
	return func(ctx context.Context) error {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		response, err := client.Do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		if response.StatusCode != http.StatusOK {
			return fmt.Errorf("%s: %s", url, response.Status)
		}
		return nil
	}
}
