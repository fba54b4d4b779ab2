package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sync/errgroup"
	"k8s.io/client-go/kubernetes"

	"github.com/overrides-mesh/overrides/localmesh/agent"
	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/dns"
	"github.com/overrides-mesh/overrides/localmesh/proxy"
	"github.com/overrides-mesh/overrides/localmesh/sandbox"
)

// stopTimeout limits how long ending may take. After that the kernel kills the remaining
// processes, as it always does when the first process of a namespace ends.
const stopTimeout = 20 * time.Second

// machine is everything that runs.
type machine struct {
	config  Config
	network *sandbox.Network
	plane   *controlplane.Plane
	pods    *pods
	lookup  dns.Lookup
	log     *slog.Logger
	// work are the goroutines that run until the context ends.
	work *errgroup.Group
}

// Main runs the process. It returns its exit code.
func Main() int {
	events := &events{encoder: json.NewEncoder(os.Stdout)}
	decoder := json.NewDecoder(os.Stdin)
	var config Config
	if err := decoder.Decode(&config); err != nil {
		return events.fail(fmt.Errorf("read the configuration: %w", err))
	}
	// During cleanup, the reader of the output may be gone.
	signal.Ignore(syscall.SIGPIPE)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// Both a signal and the end of standard input end the machine, and the second of them
	// must not end the cleanup: so signals are caught until the end.
	ctx, end := context.WithCancel(ctx)
	defer end()
	go func() {
		// There is no more input; its end means that the parent process has ended.
		_, _ = io.Copy(io.Discard, io.MultiReader(decoder.Buffered(), os.Stdin))
		end()
	}()
	context.AfterFunc(ctx, func() { time.AfterFunc(stopTimeout, func() { os.Exit(1) }) })
	err := run(ctx, config, events)
	// The parent process may be gone.
	if err = errors.Join(err, os.RemoveAll(config.Dir)); err != nil {
		return events.fail(err)
	}
	return 0
}

// events writes the machine's events.
type events struct {
	mu      sync.Mutex
	encoder *json.Encoder
}

// say writes an event. If nobody reads it, standard input has ended too.
func (e *events) say(event Event) {
	e.mu.Lock()
	defer e.mu.Unlock()
	_ = e.encoder.Encode(event)
}

func (e *events) fail(err error) int {
	e.say(Event{Error: err.Error()})
	return 1
}

// Write turns lines into events.
func (e *events) Write(p []byte) (int, error) {
	for line := range strings.Lines(string(p)) {
		e.say(Event{Message: strings.TrimSpace(line)})
	}
	return len(p), nil
}

// run starts everything, reports that it is ready, and ends it when ctx ends.
func run(ctx context.Context, config Config, events *events) (err error) {
	if err := prepareMounts(); err != nil {
		return err
	}
	logFile, err := os.OpenFile(filepath.Join(config.Dir, "machine.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open the log: %w", err)
	}
	defer logFile.Close()
	m := &machine{config: config, log: slog.New(slog.NewTextHandler(logFile, nil))}
	// The goroutines also end if the start below fails.
	working, end := context.WithCancel(context.Background())
	m.work, working = errgroup.WithContext(working)
	defer func() {
		end()
		err = errors.Join(err, ignoreCanceled(m.work.Wait()))
		if m.plane != nil {
			err = errors.Join(err, m.plane.Stop())
		}
	}()
	if m.network, err = sandbox.NewNetwork(netip.PrefixFrom(netip.MustParseAddr(NodeAddress), netip.MustParsePrefix(PodPrefix).Bits())); err != nil {
		return err
	}
	defer m.network.Close()
	if err := m.startControlPlane(ctx, events); err != nil {
		return err
	}
	if err := m.startNode(working, events); err != nil {
		return err
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: Socket(config.Dir), Net: "unix"})
	if err != nil {
		return fmt.Errorf("listen for requests: %w", err)
	}
	defer listener.Close()
	go m.serve(working, listener)
	events.say(Event{Ready: true, Kubeconfig: m.plane.Kubeconfig})
	select {
	case <-ctx.Done():
	case <-working.Done():
	}
	return nil
}

func ignoreCanceled(err error) error {
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// startControlPlane starts Kubernetes and Istio.
func (m *machine) startControlPlane(ctx context.Context, events *events) (err error) {
	m.plane, err = controlplane.Start(ctx, controlplane.Options{
		Log: events, Dir: filepath.Join(m.config.Dir, "plane"), Controllers: true,
		Bind: "0.0.0.0", Addresses: []string{NodeAddress},
	})
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		if err := m.plane.StartControllers(ctx); err != nil {
			return err
		}
		events.say(Event{Message: "kube-controller-manager is ready"})
		return nil
	})
	group.Go(func() error {
		for _, options := range m.istiods() {
			if err := m.plane.StartIstiod(ctx, options); err != nil {
				return err
			}
			events.say(Event{Message: strings.Join(strings.Fields("istiod "+options.Revision+" is ready"), " ")})
		}
		return m.plane.InstallCRDs(ctx, m.config.CRDs...)
	})
	return group.Wait()
}

// istiods are all istiods of the mesh: the first, and one for each additional revision.
func (m *machine) istiods() []controlplane.IstiodOptions {
	out := []controlplane.IstiodOptions{{Address: NodeAddress, MeshConfig: m.config.MeshConfig}}
	for i, revision := range m.config.Revisions {
		out = append(out, controlplane.IstiodOptions{Address: NodeAddress, MeshConfig: m.config.MeshConfig, Revision: revision, Nth: i + 1})
	}
	return out
}

// startNode starts the agent that runs Pods, and its servers.
func (m *machine) startNode(ctx context.Context, events *events) error {
	client, err := kubernetes.NewForConfig(m.plane.Config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	if m.lookup, err = dns.Watch(ctx, client); err != nil {
		return err
	}
	m.work.Go(func() error { return dns.Serve(ctx, net.JoinHostPort(NodeAddress, "53"), m.lookup) })

	ca, err := proxy.NewCA()
	if err != nil {
		return err
	}
	sds := filepath.Join(m.config.Dir, "sds.sock")
	listener, err := new(net.ListenConfig).Listen(ctx, "unix", sds)
	if err != nil {
		return fmt.Errorf("listen for SDS: %w", err)
	}
	m.work.Go(func() error { return proxy.ServeSDS(ctx, listener, ca, m.log) })

	dir := filepath.Join(m.config.Dir, "pods")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return fmt.Errorf("make a folder: %w", err)
	}
	revisions := map[string]string{}
	for _, istiod := range m.istiods()[1:] {
		revisions[istiod.Revision] = istiod.XDS()
	}
	m.pods = &pods{network: m.network, dir: dir, byIP: map[netip.Addr]*sandbox.Sandbox{}}
	m.work.Go(func() error {
		return agent.Run(ctx, agent.Options{
			Config: m.plane.Config, Sandboxes: m.pods, Images: m.image, Envoy: m.config.Envoy,
			XDS: m.istiods()[0].XDS(), Revisions: revisions, SDS: sds,
			DNS: netip.MustParseAddr(NodeAddress), LogDir: filepath.Join(m.config.Dir, "logs"), Log: m.log,
		})
	})
	events.say(Event{Message: "the node is ready"})
	return nil
}

// image finds the program for an image by its repository, or the repository's last part.
func (m *machine) image(image string) (agent.Program, bool) {
	repository, _, _ := strings.Cut(image, "@")
	if colon := strings.LastIndexByte(repository, ':'); colon > strings.LastIndexByte(repository, '/') {
		repository = repository[:colon]
	}
	for _, name := range []string{repository, path.Base(repository), "*"} {
		if file, ok := m.config.Images[name]; ok {
			return agent.Program{Path: file}, true
		}
	}
	return agent.Program{}, false
}

// prepareMounts keeps mounts made here from appearing elsewhere.
func prepareMounts() error {
	if err := syscall.Mount("", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// If this is not allowed, /proc shows process IDs of another namespace, which nothing
	// here reads.
	_ = syscall.Mount("proc", "/proc", "proc", 0, "")
	return nil
}
