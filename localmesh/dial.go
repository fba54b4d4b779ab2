package localmesh

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"sync"
	"syscall"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/overrides-mesh/overrides/localmesh/machine"
)

// Pod is the source of a connection. The zero value is the node.
type Pod struct {
	Namespace, Name string
	// IP is its address; if empty, it is looked up.
	IP string
}

// Dial connects from inside a Pod to a host and port; the host may be an IP address or a
// Service's name. The Pod's sidecar handles the connection like those of the Pod's
// program.
func (m *Mesh) Dial(ctx context.Context, from Pod, address string) (net.Conn, error) {
	from, err := m.locate(ctx, from)
	if err != nil {
		return nil, err
	}
	request := machine.Request{Op: machine.Dial, Pod: from.IP, Namespace: from.Namespace, Address: address}
	file, err := m.ask(ctx, request)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	if file == nil {
		return nil, fmt.Errorf("dial %s: the answer had no connection", address)
	}
	// A connection has its own descriptor.
	defer file.Close()
	return net.FileConn(file)
}

// Listen listens in the mesh's own network, at the node: at 127.0.0.1 for the control
// plane, for example for a webhook that it calls.
func (m *Mesh) Listen(ctx context.Context, address string) (net.Listener, error) {
	file, err := m.ask(ctx, machine.Request{Op: machine.Listen, Address: address})
	if err != nil {
		return nil, fmt.Errorf("listen at %s: %w", address, err)
	}
	if file == nil {
		return nil, fmt.Errorf("listen at %s: the answer had no listener", address)
	}
	defer file.Close()
	return net.FileListener(file)
}

// locate looks up the address of a Pod, unless it is known.
func (m *Mesh) locate(ctx context.Context, pod Pod) (Pod, error) {
	if pod.Name == "" || pod.IP != "" {
		return pod, nil
	}
	object, err := m.client.CoreV1().Pods(pod.Namespace).Get(ctx, pod.Name, metav1.GetOptions{})
	if err != nil {
		return pod, err
	}
	if object.Status.PodIP == "" {
		return pod, fmt.Errorf("Pod %s has no address yet", pod.Name)
	}
	pod.IP = object.Status.PodIP
	return pod, nil
}

// Signal sends a signal to a program of the control plane: etcd, kube-apiserver,
// kube-controller-manager or pilot-discovery.
func (m *Mesh) Signal(ctx context.Context, program string, number syscall.Signal) error {
	_, err := m.ask(ctx, machine.Request{Op: machine.Signal, Program: program, Number: number})
	return err
}

// Restart ends a program of the control plane, if it runs, starts it again, and returns
// when it is ready.
func (m *Mesh) Restart(ctx context.Context, program string) error {
	_, err := m.ask(ctx, machine.Request{Op: machine.Restart, Program: program})
	return err
}

func (m *Mesh) ask(ctx context.Context, request machine.Request) (*os.File, error) {
	socket, err := new(net.Dialer).DialContext(ctx, "unix", machine.Socket(m.Dir))
	if err != nil {
		return nil, err
	}
	defer socket.Close()
	stop := context.AfterFunc(ctx, func() { _ = socket.Close() })
	defer stop()
	return machine.Ask(socket.(*net.UnixConn), request)
}

// Client returns an HTTP client inside a Pod. It keeps its connections; close them with
// CloseIdleConnections. It returns redirects instead of following them.
func (m *Mesh) Client(ctx context.Context, from Pod) (*http.Client, error) {
	from, err := m.locate(ctx, from)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		DialContext:         func(ctx context.Context, _, address string) (net.Conn, error) { return m.Dial(ctx, from, address) },
		MaxIdleConnsPerHost: 64,
		DisableCompression:  true,
	}
	return &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}, nil
}

// Forward listens on a free port of the machine's own loopback and forwards connections
// to address, from inside a Pod, until the mesh is stopped. It returns its own address.
func (m *Mesh) Forward(ctx context.Context, from Pod, address string) (string, error) {
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("listen for %s: %w", address, err)
	}
	m.pass(listener, func() (net.Conn, error) {
		// The forwarding outlives the call that started it.
		return m.Dial(context.Background(), from, address)
	})
	return listener.Addr().String(), nil
}

// Expose listens on a free port of the node's loopback, inside the mesh, and forwards
// connections to address outside, until the mesh is stopped. It returns its own address.
func (m *Mesh) Expose(ctx context.Context, address string) (string, error) {
	listener, err := m.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	m.pass(listener, func() (net.Conn, error) {
		return new(net.Dialer).DialContext(context.Background(), "tcp", address)
	})
	return listener.Addr().String(), nil
}

// pass forwards connections until the mesh is stopped.
func (m *Mesh) pass(listener net.Listener, dial func() (net.Conn, error)) {
	m.mu.Lock()
	m.forwards = append(m.forwards, listener)
	m.mu.Unlock()
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer near.Close()
				far, err := dial()
				if err != nil {
					return
				}
				defer far.Close()
				relay(near, far)
			}()
		}
	}()
}

// relay copies in both directions until both ends have sent everything.
func relay(a, b net.Conn) {
	var both sync.WaitGroup
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		if half, ok := to.(interface{ CloseWrite() error }); ok {
			_ = half.CloseWrite()
		}
	}
	both.Go(func() { pass(a, b) })
	both.Go(func() { pass(b, a) })
	both.Wait()
}

// internalConfig reads the kubeconfig that is valid inside the mesh.
func (m *Mesh) internalConfig(path string) (*rest.Config, error) {
	config, err := clientcmd.BuildConfigFromFlags("", path)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	config.QPS = -1
	config.Dial = func(ctx context.Context, _, address string) (net.Conn, error) { return m.Dial(ctx, Pod{}, address) }
	return config, nil
}

// rewriteKubeconfig copies a kubeconfig with another address of the API server.
func rewriteKubeconfig(from, to, server string) error {
	config, err := clientcmd.LoadFromFile(from)
	if err != nil {
		return fmt.Errorf("read %s: %w", from, err)
	}
	if len(config.Clusters) == 0 {
		return errors.New("the kubeconfig names no cluster")
	}
	for _, cluster := range config.Clusters {
		cluster.Server = server
	}
	if err := clientcmd.WriteToFile(*config, to); err != nil {
		return fmt.Errorf("write %s: %w", to, err)
	}
	return nil
}
