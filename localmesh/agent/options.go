package agent

import (
	"cmp"
	"context"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"k8s.io/client-go/rest"
)

// Options are settings of the agent.
type Options struct {
	// Config is the client configuration of an administrator.
	Config *rest.Config
	// Sandboxes creates the namespaces of pods.
	Sandboxes Sandboxes
	// Images returns the program to run for an image; false means that there is no such
	// image. Nil means that there are none except Istio's proxy.
	Images func(image string) (Program, bool)
	// Envoy is the path of an unmodified Envoy.
	Envoy string
	// XDS is istiod's plaintext address, as pods see it.
	XDS string
	// Revisions are the addresses of additional istiods, by revision: each serves the
	// proxies that it injected.
	Revisions map[string]string
	// SDS is the path of the socket that gives proxies their certificates.
	SDS string
	// DNS is the address of the cluster's name server, and the node's own.
	DNS netip.Addr
	// LogDir gets NAMESPACE_POD_UID/CONTAINER/RESTARTS.log, as for a kubelet.
	LogDir string
	// NodeName is the name of the Node; "local" if empty.
	NodeName string
	// Pods is the network of the pods, 10.244.0.0/16 if unset. Addresses are assigned
	// from its second /24 upwards.
	Pods netip.Prefix
	// Drain is how long a terminating proxy keeps running; 1 s if 0.
	Drain time.Duration
	// Restart is the first delay before an ended container is started again (the very
	// first restart has none), and RestartMax the longest; 1 s and 30 s if 0.
	Restart, RestartMax time.Duration
	// Log receives the agent's actions, if it is not nil.
	Log *slog.Logger
}

// revisionAnnotation is set on pods by Istio's injection.
const revisionAnnotation = "istio.io/rev"

// istiod returns the address of the istiod that injected a pod with these annotations.
func (o *Options) istiod(annotations map[string]string) string {
	return cmp.Or(o.Revisions[annotations[revisionAnnotation]], o.XDS)
}

// Program runs instead of an image.
type Program struct {
	Path string
	// Args are used unless the container has args or a command.
	Args []string
}

// Sandbox has the namespaces of one pod.
type Sandbox interface {
	// Start runs a program in the pod's namespaces; it is killed with the agent.
	Start(Command) (Process, error)
	// Dial connects from inside the pod.
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	// Close kills the remaining processes of the pod and removes its namespaces.
	Close() error
}

// Command is a program to run.
type Command struct {
	Path string
	// Args do not include the name of the program.
	Args []string
	// Env is its whole environment.
	Env []string
	Dir string
	// Output receives the program's output, including errors.
	Output io.Writer
}

// Process is a started program.
type Process interface {
	// Signal to a process that has ended does nothing.
	Signal(os.Signal) error
	// Done is closed when the program has ended; then State returns how.
	Done() <-chan struct{}
	State() *os.ProcessState
}

// Sandboxes creates sandboxes.
type Sandboxes interface {
	New(ctx context.Context, options SandboxOptions) (Sandbox, error)
}

// SandboxOptions are settings of a pod's namespaces.
type SandboxOptions struct {
	// Name is the name of the pod, and its host name.
	Name string
	IP   netip.Addr
	// Redirect sends the pod's TCP connections through its proxy, as istio-iptables does.
	Redirect bool
	// ResolvConf is the content of /etc/resolv.conf.
	ResolvConf string
}

func (o Options) withDefaults() Options {
	if o.NodeName == "" {
		o.NodeName = "local"
	}
	if !o.Pods.IsValid() {
		o.Pods = netip.MustParsePrefix("10.244.0.0/16")
	}
	if o.Drain == 0 {
		o.Drain = time.Second
	}
	if o.Restart == 0 {
		o.Restart = time.Second
	}
	if o.RestartMax == 0 {
		o.RestartMax = 30 * time.Second
	}
	if o.Images == nil {
		o.Images = func(string) (Program, bool) { return Program{}, false }
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	return o
}
