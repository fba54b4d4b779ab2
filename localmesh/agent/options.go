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

// Options say where the agent runs pods, and what of.
type Options struct {
	// Config is an administrator's.
	Config *rest.Config
	// Sandboxes makes the namespaces of pods.
	Sandboxes Sandboxes
	// Images returns the program that stands for an image; false means that there
	// is no such image. Nil: there are none but Istio's proxy.
	Images func(image string) (Program, bool)
	// Envoy is the path of a stock Envoy.
	Envoy string
	// XDS is istiod's plaintext address, as pods see it.
	XDS string
	// Revisions are the addresses of further istiods, by their revision: proxies that
	// one of them injected are served by it.
	Revisions map[string]string
	// SDS is the path of the socket that gives proxies their certificates.
	SDS string
	// DNS is the address of the cluster's name server, and the node's own.
	DNS netip.Addr
	// LogDir gets NAMESPACE_POD_UID/CONTAINER/RESTARTS.log, as a kubelet's.
	LogDir string
	// NodeName is the name of the Node; "local" if empty.
	NodeName string
	// Pods is the network of the pods, 10.244.0.0/16 if unset. Addresses are given
	// from its second /24 upwards.
	Pods netip.Prefix
	// Drain is how long a proxy goes on after it was told to end; 1 s if 0.
	Drain time.Duration
	// Restart is the first delay before a container that ended is started again
	// (the very first restart has none), and the longest; 1 s and 30 s if 0.
	Restart, RestartMax time.Duration
	// Log is told what the agent does; nil for nobody.
	Log *slog.Logger
}

// revisionAnnotation is what Istio's injection writes on pods.
const revisionAnnotation = "istio.io/rev"

// istiod returns the address of the istiod that injected a pod of some annotations.
func (o *Options) istiod(annotations map[string]string) string {
	return cmp.Or(o.Revisions[annotations[revisionAnnotation]], o.XDS)
}

// Program stands for an image.
type Program struct {
	Path string
	// Args are used unless the container has args or a command.
	Args []string
}

// Sandbox is the namespaces of one pod.
type Sandbox interface {
	// Start runs a program in the pod's namespaces; it is killed with the agent.
	Start(Command) (Process, error)
	// Dial connects from inside the pod.
	Dial(ctx context.Context, network, address string) (net.Conn, error)
	// Close kills what is left in the pod and removes its namespaces.
	Close() error
}

// Command is a program to run.
type Command struct {
	Path string
	// Args are without the name of the program.
	Args []string
	// Env is all of its environment.
	Env []string
	Dir string
	// Output gets what the program prints, errors too.
	Output io.Writer
}

// Process is a program that was started.
type Process interface {
	// Signal to a process that has ended does nothing.
	Signal(os.Signal) error
	// Done is closed when the program has ended; then State says how.
	Done() <-chan struct{}
	State() *os.ProcessState
}

// Sandboxes makes sandboxes.
type Sandboxes interface {
	New(ctx context.Context, options SandboxOptions) (Sandbox, error)
}

// SandboxOptions are what a pod needs of its namespaces.
type SandboxOptions struct {
	// Name is the pod's, and its host name.
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
