package agent

import (
	"context"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// ledSandbox directs all connections to one address, and records the dialled addresses.
type ledSandbox struct {
	hostSandbox

	to string

	dials    sync.Mutex
	dialled  []string
	requests []string
}

func (s *ledSandbox) Dial(ctx context.Context, network, address string) (net.Conn, error) {
	s.dials.Lock()
	s.dialled = append(s.dialled, address)
	s.dials.Unlock()
	return s.hostSandbox.Dial(ctx, network, s.to)
}

// serving is a pod whose every address is an HTTP server.
func serving(t *testing.T, handler func(w http.ResponseWriter, r *http.Request)) *ledSandbox {
	t.Helper()
	box := &ledSandbox{}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		box.dials.Lock()
		box.requests = append(box.requests, r.Method+" "+r.URL.RequestURI())
		box.dials.Unlock()
		handler(w, r)
	}))
	t.Cleanup(server.Close)
	parsed, err := url.Parse(server.URL)
	if err != nil {
		t.Fatal(err)
	}
	box.to = parsed.Host
	return box
}

// handlerWorker is a worker for testing handlers.
func handlerWorker(box Sandbox) (*worker, *container) {
	w := &worker{
		log: slog.New(slog.DiscardHandler), box: box, at: place{pod: netip.MustParseAddr("10.244.1.1")},
		inbox: make(chan func(), 10), done: make(chan struct{}),
	}
	c := &container{spec: &corev1.Container{Name: "main", Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: 8080}}}}
	return w, c
}

func TestHTTPGet(t *testing.T) {
	t.Parallel()
	box := serving(t, func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/ok":
			if r.Host != "shop" || r.Header.Get("X-A") != "b" || r.URL.RawQuery != "q=1" {
				w.WriteHeader(http.StatusTeapot)
			}
		case "/here":
			http.Redirect(w, r, "/broken", http.StatusFound)
		case "/there":
			http.Redirect(w, r, "http://example.com/broken", http.StatusFound)
		default:
			w.WriteHeader(http.StatusInternalServerError)
		}
	})
	w, c := handlerWorker(box)
	headers := []corev1.HTTPHeader{{Name: "host", Value: "shop"}, {Name: "X-A", Value: "b"}}
	for _, test := range []struct {
		name, path string
		port       intstr.IntOrString
		want       string
	}{
		{"named port", "/ok?q=1", intstr.FromString("web"), ""},
		{"number", "/ok?q=1", intstr.FromInt32(8080), ""},
		{"number in a string", "/ok?q=1", intstr.FromString("8080"), ""},
		{"broken", "/broken", intstr.FromInt32(8080), "500 Internal Server Error"},
		{"redirected here", "/here", intstr.FromInt32(8080), "500 Internal Server Error"},
		{"redirected elsewhere", "/there", intstr.FromInt32(8080), ""},
		{"no such port", "/ok", intstr.FromString("grpc"), `no port "grpc"`},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			handler := corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: test.path, Port: test.port, HTTPHeaders: headers}}
			err := w.check(c, &execution{}, handler)(t.Context())
			if (err == nil) != (test.want == "") || err != nil && !strings.Contains(err.Error(), test.want) {
				t.Errorf("%v, want %q", err, test.want)
			}
		})
	}
	t.Cleanup(func() {
		for _, address := range box.dialled {
			if address != "10.244.1.1:8080" {
				t.Errorf("dialled %s, want the pod's address", address)
			}
		}
	})
}

func TestTCPSocket(t *testing.T) {
	t.Parallel()
	box := serving(t, func(http.ResponseWriter, *http.Request) {})
	w, c := handlerWorker(box)
	open := corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Port: intstr.FromString("web")}}
	if err := w.check(c, &execution{}, open)(t.Context()); err != nil {
		t.Error(err)
	}
	shut, c := handlerWorker(&hostSandbox{})
	closed := corev1.ProbeHandler{TCPSocket: &corev1.TCPSocketAction{Host: "127.0.0.1", Port: intstr.FromInt32(1)}}
	if shut.check(c, &execution{}, closed)(t.Context()) == nil {
		t.Error("a port that nobody listens on is open")
	}
}

func TestGRPCHealth(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, states := grpc.NewServer(), health.NewServer()
	healthv1.RegisterHealthServer(server, states)
	states.SetServingStatus("sick", healthv1.HealthCheckResponse_NOT_SERVING)
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(server.Stop)
	w, c := handlerWorker(&ledSandbox{to: listener.Addr().String()})
	for service, want := range map[string]bool{"": true, "sick": false, "unknown": false} {
		handler := corev1.ProbeHandler{GRPC: &corev1.GRPCAction{Port: 9000, Service: &service}}
		if err := w.check(c, &execution{}, handler)(t.Context()); (err == nil) != want {
			t.Errorf("service %q: %v", service, err)
		}
	}
}

func TestExecute(t *testing.T) {
	t.Parallel()
	box := &hostSandbox{}
	t.Cleanup(func() { _ = box.Close() })
	w, c := handlerWorker(box)
	file := filepath.Join(t.TempDir(), "made")
	e := &execution{env: []string{"FILE=" + file, "NAME=", "PATH=" + os.Getenv("PATH")}}
	run := func(ctx context.Context, command ...string) error {
		return w.check(c, e, corev1.ProbeHandler{Exec: &corev1.ExecAction{Command: command}})(ctx)
	}
	if err := run(t.Context(), "sh", "-c", `touch "$FILE"`); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(file); err != nil {
		t.Error(err)
	}
	for _, command := range [][]string{{"sh", "-c", "exit 3"}, {"/no/such/program"}, {}} {
		if run(t.Context(), command...) == nil {
			t.Errorf("%v succeeds", command)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if run(ctx, os.Args[0], "container", "serve") == nil {
		t.Error("a command that does not end in time succeeds")
	}
}

// envoyAdmin is the admin interface of a proxy with and without configuration.
func envoyAdmin(configured bool) func(w http.ResponseWriter, r *http.Request) {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/stats" && configured {
			_, _ = w.Write([]byte("cluster_manager.cds.update_success: 1\nlistener_manager.lds.update_success: 1\n"))
		}
	}
}

func TestEnvoyProbe(t *testing.T) {
	t.Parallel()
	for _, configured := range []bool{true, false} {
		box := serving(t, envoyAdmin(configured))
		w, c := handlerWorker(box)
		c.spec.Image, c.spec.Args = "istio/proxyv2:1.31.0", []string{"proxy", "sidecar"}
		probe := corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz/ready", Port: intstr.FromInt32(15021)}}
		if err := w.check(c, &execution{}, probe)(t.Context()); (err == nil) != configured {
			t.Errorf("configured %v: %v", configured, err)
		}
		if !slices.Contains(box.dialled, "127.0.0.1:15000") || box.requests[0] != "GET /ready" {
			t.Errorf("dialled %v, asked %v", box.dialled, box.requests)
		}
	}
}

// TestEnvoyHooks runs the hooks that Istio gives its proxies.
func TestEnvoyHooks(t *testing.T) {
	t.Parallel()
	box := serving(t, envoyAdmin(true))
	w, c := handlerWorker(box)
	c.spec.Image, c.spec.Args = "istio/proxyv2:1.31.0", []string{"proxy", "sidecar"}
	e := &execution{}
	hook := func(command ...string) error {
		return w.hook(c, e, &corev1.LifecycleHandler{Exec: &corev1.ExecAction{Command: command}})(t.Context())
	}
	if err := hook("pilot-agent", "wait"); err != nil {
		t.Error(err)
	}
	if err := hook("pilot-agent", "request", "--debug-port=15020", "POST", "drain"); err != nil {
		t.Error(err)
	}
	(<-w.inbox)()
	if !e.drained || box.requests[len(box.requests)-1] != "POST /drain_listeners?inboundonly&graceful&skip_exit" {
		t.Errorf("drained %v, asked %v", e.drained, box.requests)
	}
	if err := hook("/no/such/program"); err == nil {
		t.Error("a program that is not there was run")
	}
}

func TestDrainRouter(t *testing.T) {
	t.Parallel()
	box := serving(t, envoyAdmin(true))
	if err := drainEnvoy(t.Context(), box, routerProxy, false); err != nil {
		t.Error(err)
	}
	if box.requests[0] != "POST /drain_listeners?graceful" {
		t.Errorf("asked %v", box.requests)
	}
}
