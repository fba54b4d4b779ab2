//go:build linux

package machine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/overrides-mesh/overrides/localmesh/dns"
)

// dialTimeout is how long a connection may take.
const dialTimeout = 10 * time.Second

// serve answers requests until the listener is closed.
func (m *machine) serve(ctx context.Context, listener *net.UnixListener) {
	for {
		socket, err := listener.AcceptUnix()
		if err != nil {
			return
		}
		go func() {
			defer socket.Close()
			// A client that has gone away needs no answer.
			_ = m.answer(ctx, socket)
		}()
	}
}

func (m *machine) answer(ctx context.Context, socket *net.UnixConn) error {
	message := make([]byte, maxMessage)
	n, err := socket.Read(message)
	if err != nil {
		return err
	}
	var request Request
	if err := json.Unmarshal(message[:n], &request); err != nil {
		return reply(socket, err, nil)
	}
	switch request.Op {
	case Dial:
		connection, err := m.dial(ctx, request)
		if err != nil {
			return reply(socket, err, nil)
		}
		return reply(socket, nil, connection.(*net.TCPConn))
	case Listen:
		listener, err := new(net.ListenConfig).Listen(ctx, "tcp", request.Address)
		if err != nil {
			return reply(socket, err, nil)
		}
		return reply(socket, nil, listener.(*net.TCPListener))
	case Signal:
		return reply(socket, m.plane.Signal(request.Program, request.Number), nil)
	case Restart:
		return reply(socket, m.plane.Restart(ctx, request.Program), nil)
	}
	return reply(socket, fmt.Errorf("no such request: %q", request.Op), nil)
}

// handle is a connection or a listener.
type handle interface {
	SyscallConn() (syscall.RawConn, error)
	Close() error
}

// reply sends an answer, and with it a connection or a listener, if any.
func reply(socket *net.UnixConn, failed error, with handle) error {
	var response Response
	if failed != nil {
		response.Error = failed.Error()
	}
	data, err := json.Marshal(response)
	if err != nil {
		return err
	}
	if with == nil {
		_, err = socket.Write(data)
		return err
	}
	defer with.Close()
	raw, err := with.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	err = raw.Control(func(fd uintptr) { _, _, sent = socket.WriteMsgUnix(data, syscall.UnixRights(int(fd)), nil) })
	return errors.Join(err, sent)
}

func (m *machine) dial(ctx context.Context, request Request) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, dialTimeout)
	defer cancel()
	address, err := m.resolve(request.Address, request.Namespace)
	if err != nil {
		return nil, err
	}
	if request.Pod == "" {
		return m.network.Dial(ctx, "tcp", address)
	}
	ip, err := netip.ParseAddr(request.Pod)
	if err != nil {
		return nil, fmt.Errorf("dial from a Pod: %w", err)
	}
	pod := m.pods.find(ip)
	if pod == nil {
		return nil, fmt.Errorf("there is no Pod at %s", ip)
	}
	return pod.Dial(ctx, "tcp", address)
}

// resolve looks up the host of address as a program in a Pod would.
func (m *machine) resolve(address, namespace string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("resolve: %w", err)
	}
	if _, err := netip.ParseAddr(host); err == nil {
		return address, nil
	}
	suffixes := []string{""}
	if strings.Count(host, ".") < 5 {
		suffixes = []string{"." + namespace + ".svc." + dns.Domain, ".svc." + dns.Domain, "." + dns.Domain, ""}
	}
	for _, suffix := range suffixes {
		if answer, ok := m.lookup(host + suffix); ok && len(answer.Addresses) > 0 {
			return net.JoinHostPort(answer.Addresses[0].String(), port), nil
		}
	}
	return "", fmt.Errorf("resolve %s: no such host", host)
}
