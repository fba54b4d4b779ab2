package soak

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"sync"

	"k8s.io/client-go/tools/clientcmd"
)

// link is the operator's connection to the API server, which can be cut.
type link struct {
	// kubeconfig is the path of a kubeconfig for the link.
	kubeconfig string

	target   string
	listener net.Listener

	mu    sync.Mutex
	conns map[*wire]bool
	// refusing makes it close new connections at once.
	refusing bool
}

// wire is one connection through a link.
type wire struct {
	near, far net.Conn

	mu sync.Mutex
	// dead is closed when nothing passes any more, though neither end knows.
	dead chan struct{}
}

// openLink listens in front of the API server of a kubeconfig.
func openLink(ctx context.Context, kubeconfig, dir string) (*link, error) {
	config, err := clientcmd.LoadFromFile(kubeconfig)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", kubeconfig, err)
	}
	listener, err := new(net.ListenConfig).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("listen: %w", err)
	}
	l := &link{listener: listener, conns: map[*wire]bool{}, kubeconfig: filepath.Join(dir, "kubeconfig")}
	for _, cluster := range config.Clusters {
		server, err := url.Parse(cluster.Server)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("read %s: %w", kubeconfig, err), listener.Close())
		}
		l.target, cluster.Server = server.Host, "https://"+listener.Addr().String()
	}
	if err := clientcmd.WriteToFile(*config, l.kubeconfig); err != nil {
		return nil, errors.Join(fmt.Errorf("write %s: %w", l.kubeconfig, err), listener.Close())
	}
	go l.serve()
	return l, nil
}

func (l *link) serve() {
	for {
		near, err := l.listener.Accept()
		if err != nil {
			return
		}
		go l.pass(near)
	}
}

func (l *link) pass(near net.Conn) {
	defer near.Close()
	l.mu.Lock()
	refusing := l.refusing
	l.mu.Unlock()
	if refusing {
		return
	}
	far, err := new(net.Dialer).DialContext(context.Background(), "tcp", l.target)
	if err != nil {
		return
	}
	defer far.Close()
	w := &wire{near: near, far: far, dead: make(chan struct{})}
	l.mu.Lock()
	l.conns[w] = true
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { w.copy(far, near) })
	both.Go(func() { w.copy(near, far) })
	both.Wait()
	l.mu.Lock()
	delete(l.conns, w)
	l.mu.Unlock()
}

// copy copies in one direction until an end closes; on a dead wire it discards
// everything.
func (w *wire) copy(to, from net.Conn) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		select {
		case <-w.dead:
			if err == nil {
				continue
			}
		default:
		}
		if err == nil {
			_, err = to.Write(buffer[:n])
		}
		if err != nil {
			if half, ok := to.(*net.TCPConn); ok && errors.Is(err, io.EOF) {
				_ = half.CloseWrite()
				return
			}
			_ = to.Close()
			_ = from.Close()
			return
		}
	}
}

// cut closes all connections, and rejects new ones until it is mended.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusing = true
	for w := range l.conns {
		_ = w.near.Close()
		_ = w.far.Close()
	}
}

func (l *link) mend() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.refusing = false
}

// silence stops all data on the existing connections. Neither end is notified; new
// connections work.
func (l *link) silence() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for w := range l.conns {
		w.mu.Lock()
		select {
		case <-w.dead:
		default:
			close(w.dead)
		}
		w.mu.Unlock()
	}
}

func (l *link) close() error {
	l.cut()
	return l.listener.Close()
}
