package localmesh

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/machine"
	"github.com/overrides-mesh/overrides/localmesh/program"
)

// stopTimeout limits how long a mesh may take to end before it is killed.
const stopTimeout = 30 * time.Second

// IstiodDebug is the address of istiod's debug pages, in the mesh's own network.
const IstiodDebug = "127.0.0.1:8080"

// Options are settings of a mesh. The zero value works if $ENVOY is set or envoy is on
// the PATH.
type Options struct {
	// Log receives a line for each program that is built or started, if it is not nil.
	Log io.Writer
	// Envoy is the path of an unmodified Envoy.
	Envoy string
	// Images are the programs that run instead of images, by repository or its last part;
	// "*" matches all others.
	Images map[string]string
	// MTLS lets proxies use mutual TLS if they can. Identities are
	// spiffe://cluster.local/ns/NAMESPACE/sa/SERVICEACCOUNT.
	MTLS bool
	// MeshConfig are Istio's MeshConfig fields, which override those set here.
	MeshConfig map[string]any
	// Revisions are the names of additional istiods, besides "default". A namespace
	// chooses its proxies' istiod by the label istio.io/rev.
	Revisions []string
	// CRDs are files with additional CustomResourceDefinitions.
	CRDs []string
}

// Mesh is a running mesh.
type Mesh struct {
	// Kubeconfig is the path of a kubeconfig for an administrator, outside the mesh's
	// network.
	Kubeconfig string
	// Config is the same for client-go, without a limit on queries.
	Config *rest.Config
	// Dir has all files that were written, including logs.
	Dir string

	options Options
	client  kubernetes.Interface
	applier *controlplane.Applier
	cmd     *exec.Cmd
	stdin   io.Closer
	// ended is closed when the machine has ended; failure then says why.
	ended   chan struct{}
	failure error

	mu       sync.Mutex
	forwards []io.Closer

	settling   sync.Mutex
	generation int
}

// Start starts a mesh, and first builds its programs if necessary, which takes minutes,
// once. Call Stop on the result. ctx ends the start, not the mesh.
func Start(ctx context.Context, options Options) (_ *Mesh, err error) {
	if options.Log == nil {
		options.Log = io.Discard
	}
	if options.Envoy, err = findEnvoy(options.Envoy); err != nil {
		return nil, err
	}
	for _, module := range []program.Module{program.Kubernetes(), program.Istio()} {
		if _, err := program.Build(ctx, module, options.Log); err != nil {
			return nil, err
		}
	}
	dir, err := os.MkdirTemp("", "overrides-mesh-")
	if err != nil {
		return nil, fmt.Errorf("make a folder: %w", err)
	}
	m := &Mesh{Dir: dir, options: options, ended: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, m.Stop())
		}
	}()
	internal, err := m.startMachine(ctx)
	if err != nil {
		return nil, err
	}
	if err := m.connect(ctx, internal); err != nil {
		return nil, err
	}
	return m, nil
}

// findEnvoy returns the path of an Envoy: given, $ENVOY, or the one on the PATH.
func findEnvoy(given string) (string, error) {
	for _, path := range []string{given, os.Getenv("ENVOY"), "envoy"} {
		if path == "" {
			continue
		}
		found, err := exec.LookPath(path)
		if err != nil {
			return "", fmt.Errorf("find Envoy (set ENVOY to the path of one; `make envoy` installs it): %w", err)
		}
		return filepath.Abs(found)
	}
	return "", errors.New("no Envoy was named")
}

// startMachine starts the process that everything runs in, and returns the kubeconfig
// that is valid inside it.
func (m *Mesh) startMachine(ctx context.Context) (string, error) {
	config := machine.Config{
		Dir: m.Dir, Envoy: m.options.Envoy, Images: m.options.Images, CRDs: m.options.CRDs, Revisions: m.options.Revisions,
		MeshConfig: map[string]any{"enableAutoMtls": m.options.MTLS},
	}
	maps.Copy(config.MeshConfig, m.options.MeshConfig)
	stdin, stdout, err := m.spawn()
	if err != nil {
		return "", fmt.Errorf("start the mesh: %w", err)
	}
	m.stdin = stdin
	if err := json.NewEncoder(stdin).Encode(config); err != nil {
		return "", fmt.Errorf("configure the mesh: %w", err)
	}
	ready := make(chan string, 1)
	go m.follow(stdout, ready)
	select {
	case kubeconfig := <-ready:
		return kubeconfig, nil
	case <-m.ended:
		return "", fmt.Errorf("start the mesh: %w", m.failure)
	case <-ctx.Done():
		return "", fmt.Errorf("start the mesh: %w", ctx.Err())
	}
}

// follow reads the machine's output until it ends.
func (m *Mesh) follow(stdout io.Reader, ready chan<- string) {
	defer close(m.ended)
	m.failure = errors.New("the machine ended")
	lines := bufio.NewScanner(stdout)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var event machine.Event
		if err := json.Unmarshal(lines.Bytes(), &event); err != nil {
			m.failure = fmt.Errorf("the machine said %q", lines.Text())
			continue
		}
		switch {
		case event.Ready:
			ready <- event.Kubeconfig
		case event.Error != "":
			m.failure = errors.New(event.Error)
		default:
			fmt.Fprintln(m.options.Log, event.Message)
		}
	}
}

// connect creates clients, and writes a kubeconfig for use outside.
func (m *Mesh) connect(ctx context.Context, internal string) error {
	config, err := m.internalConfig(internal)
	if err != nil {
		return err
	}
	address, err := url.Parse(config.Host)
	if err != nil {
		return fmt.Errorf("read the address of the API server: %w", err)
	}
	outside, err := m.Forward(ctx, Pod{}, address.Host)
	if err != nil {
		return err
	}
	m.Kubeconfig = filepath.Join(m.Dir, "kubeconfig")
	if err := rewriteKubeconfig(internal, m.Kubeconfig, "https://"+outside); err != nil {
		return err
	}
	m.Config = config
	if m.client, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if m.applier, err = controlplane.NewApplier(config); err != nil {
		return err
	}
	return m.awaitWebhook(ctx)
}

// Done is closed when the mesh has ended, by Stop or by itself.
func (m *Mesh) Done() <-chan struct{} { return m.ended }

// Err returns why the mesh has ended, once it has.
func (m *Mesh) Err() error {
	<-m.ended
	return m.failure
}

// Stop ends the mesh and deletes its files.
func (m *Mesh) Stop() error {
	m.mu.Lock()
	forwards := m.forwards
	m.forwards = nil
	m.mu.Unlock()
	var errs []error
	for _, forward := range forwards {
		errs = append(errs, forward.Close())
	}
	if m.stdin != nil {
		// The machine ends when its standard input is closed.
		errs = append(errs, m.stdin.Close(), m.reap())
	}
	return errors.Join(append(errs, os.RemoveAll(m.Dir))...)
}
