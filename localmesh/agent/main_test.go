package agent

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// patience limits how long a test waits.
const patience = 60 * time.Second

// shared is an API server and an agent for all tests, which use namespaces of their own;
// the first that needs them starts them.
var shared struct {
	once   sync.Once
	client kubernetes.Interface
	logs   string
	err    error
	stop   func() error
}

func TestMain(m *testing.M) {
	// The test binary is also the program of the containers.
	if len(os.Args) > 1 && os.Args[1] == "container" {
		os.Exit(containerMain(os.Args[2:]))
	}
	code := m.Run()
	if shared.stop != nil {
		if err := shared.stop(); err != nil {
			fmt.Fprintln(os.Stderr, "stop:", err)
			code = 1
		}
	}
	os.Exit(code)
}

// node returns a client of an API server whose pods run.
func node(t *testing.T) kubernetes.Interface {
	t.Helper()
	programtest.Cluster.Need(t, program.Kubernetes())
	shared.once.Do(func() { shared.err = startNode() })
	if shared.err != nil {
		t.Fatal(shared.err)
	}
	return shared.client
}

func startNode() error {
	// The server must outlive the test that happens to be first.
	ctx, cancel := context.WithCancel(context.Background())
	plane, err := controlplane.Start(ctx, controlplane.Options{Log: os.Stderr})
	if err != nil {
		cancel()
		return err
	}
	shared.logs = filepath.Join(plane.Dir, "pods")
	ended := make(chan error, 1)
	go func() {
		ended <- Run(ctx, Options{
			Config:    plane.Config,
			Sandboxes: hostSandboxes{},
			Images: func(image string) (Program, bool) {
				return Program{Path: os.Args[0], Args: []string{"container", "serve"}}, image == "app"
			},
			DNS:    netip.MustParseAddr("127.0.0.1"),
			LogDir: shared.logs,
			// Each pod has its own address, without any namespaces.
			Pods:    netip.MustParsePrefix("127.77.0.0/16"),
			Restart: 50 * time.Millisecond, RestartMax: 400 * time.Millisecond,
			Log: slog.New(slog.NewTextHandler(os.Stderr, nil)),
		})
	}()
	shared.stop = func() error {
		cancel()
		if err := <-ended; err != nil {
			return err
		}
		return plane.Stop()
	}
	shared.client, err = kubernetes.NewForConfig(plane.Config)
	return err
}

// namespace creates a namespace for a test.
func namespace(t *testing.T, client kubernetes.Interface) string {
	t.Helper()
	made, err := client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "agent-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return made.Name
}

// eventually polls until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for !condition() {
		if pause(ctx, 20*time.Millisecond) != nil {
			t.Fatalf("%s: it did not come to that", what)
		}
	}
}
