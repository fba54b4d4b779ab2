package agent

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/overrides-mesh/overrides/localmesh/program"
)

// Probes and hooks connect from inside the pod to the pod's own address, so over
// loopback: that is not redirected, and it works whether a program listens on that
// address or on all.

// httpClient connects from inside a pod.
func httpClient(box Sandbox) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext:       box.Dial,
			DisableKeepAlives: true,
			// A kubelet does not verify pods' certificates either.
			TLSClientConfig: &tls.Config{InsecureSkipVerify: true},
		},
		// Redirects to other hosts are not followed, and count as success.
		CheckRedirect: func(request *http.Request, via []*http.Request) error {
			if request.URL.Hostname() != via[0].URL.Hostname() || len(via) >= 10 {
				return http.ErrUseLastResponse
			}
			return nil
		},
	}
}

// httpGet succeeds with any status from 200 to 399.
func httpGet(ctx context.Context, box Sandbox, at place, c *corev1.Container, action *corev1.HTTPGetAction) error {
	port, err := portOf(action.Port, c)
	if err != nil {
		return err
	}
	target, err := url.Parse(action.Path)
	if err != nil {
		return fmt.Errorf("parse path: %w", err)
	}
	target.Scheme, target.Host = strings.ToLower(string(action.Scheme)), hostPort(action.Host, at, port)
	if target.Scheme == "" {
		target.Scheme = "http"
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, target.String(), nil)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	request.Header.Set("User-Agent", "kube-probe/1."+program.KubernetesMinor)
	request.Header.Set("Accept", "*/*")
	for _, header := range action.HTTPHeaders {
		if strings.EqualFold(header.Name, "Host") {
			request.Host = header.Value
		} else {
			request.Header.Set(header.Name, header.Value)
		}
	}
	response, err := httpClient(box).Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode < 200 || response.StatusCode >= 400 {
		return fmt.Errorf("GET %s: %s", target, response.Status)
	}
	return nil
}

// dialTCP succeeds if something accepts connections.
func dialTCP(ctx context.Context, box Sandbox, at place, c *corev1.Container, action *corev1.TCPSocketAction) error {
	port, err := portOf(action.Port, c)
	if err != nil {
		return err
	}
	connection, err := box.Dial(ctx, "tcp", hostPort(action.Host, at, port))
	if err != nil {
		return err
	}
	return connection.Close()
}

// grpcHealth calls the standard health service.
func grpcHealth(ctx context.Context, box Sandbox, at place, action *corev1.GRPCAction) error {
	connection, err := grpc.NewClient("passthrough:///"+hostPort("", at, int(action.Port)),
		grpc.WithTransportCredentials(insecure.NewCredentials()),
		grpc.WithContextDialer(func(ctx context.Context, address string) (net.Conn, error) { return box.Dial(ctx, "tcp", address) }))
	if err != nil {
		return fmt.Errorf("make client: %w", err)
	}
	defer connection.Close()
	service := ""
	if action.Service != nil {
		service = *action.Service
	}
	response, err := healthv1.NewHealthClient(connection).Check(ctx, &healthv1.HealthCheckRequest{Service: service})
	if err != nil {
		return err
	}
	if response.Status != healthv1.HealthCheckResponse_SERVING {
		return fmt.Errorf("service %q is %s", service, response.Status)
	}
	return nil
}

// execute runs a command beside the container's program; exit code 0 is success.
func (w *worker) execute(c *container, e *execution, action *corev1.ExecAction) check {
	box, dir := w.box, workingDir(c.spec)
	return func(ctx context.Context) error {
		if len(action.Command) == 0 {
			return errors.New("the command is empty")
		}
		path, err := exec.LookPath(action.Command[0])
		if err != nil {
			return err
		}
		process, err := box.Start(Command{Path: path, Args: action.Command[1:], Env: e.env, Dir: dir})
		if err != nil {
			return err
		}
		select {
		case <-process.Done():
		case <-ctx.Done():
			return errors.Join(ctx.Err(), process.Signal(os.Kill))
		}
		if code := process.State().ExitCode(); code != 0 {
			return fmt.Errorf("%s exited with %d", action.Command[0], code)
		}
		return nil
	}
}

// portOf is a port's number; a name is looked up in the container's ports.
func portOf(port intstr.IntOrString, c *corev1.Container) (int, error) {
	if port.Type == intstr.Int {
		return port.IntValue(), nil
	}
	for _, p := range c.Ports {
		if p.Name == port.StrVal {
			return int(p.ContainerPort), nil
		}
	}
	number, err := strconv.Atoi(port.StrVal)
	if err != nil {
		return 0, fmt.Errorf("container %s has no port %q", c.Name, port.StrVal)
	}
	return number, nil
}

func hostPort(host string, at place, port int) string {
	if host == "" {
		host = at.pod.String()
	}
	return net.JoinHostPort(host, strconv.Itoa(port))
}

// readAll reads a response's body up to a limit.
func readAll(body io.Reader) (string, error) {
	const most = 1 << 20
	data, err := io.ReadAll(io.LimitReader(body, most))
	return string(data), err
}
