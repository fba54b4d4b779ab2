package localmesh_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/localmesh"
)

// TestMTLS runs a second mesh beside the shared one, in which proxies use mutual TLS, and
// checks that identities decide who may call.
func TestMTLS(t *testing.T) {
	t.Parallel()
	mesh(t)
	m, err := localmesh.Start(t.Context(), options(true))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
		if _, err := os.Stat(m.Dir); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s is still there: %v", m.Dir, err)
		}
	})
	client := deploy(t, m, "mtls", manifest(t, "strict.yaml", "mtls", "SERVICEACCOUNT", "default"))
	await(t, m, client, 200)
	// Without a certificate no call succeeds: the node has none.
	if connection, err := m.Dial(t.Context(), localmesh.Pod{}, echoAddress(t, m)); err == nil {
		defer connection.Close()
		fmt.Fprint(connection, "GET / HTTP/1.1\r\nHost: echo\r\n\r\n")
		if line, err := bufio.NewReader(connection).ReadString('\n'); err == nil {
			t.Errorf("plain text was answered: %s", line)
		}
	}
	if err := m.Apply(t.Context(), manifest(t, "strict.yaml", "mtls", "SERVICEACCOUNT", "somebody-else")); err != nil {
		t.Fatal(err)
	}
	await(t, m, client, 403)
}

// await sends requests until one is answered with status.
func await(t *testing.T, m *localmesh.Mesh, client localmesh.Pod, want int) {
	t.Helper()
	eventually(t, fmt.Sprintf("a request is answered with %d", want), func(context.Context) bool {
		status, _ := send(t, m, client, "http://echo/")
		return status == want
	})
}

func echoAddress(t *testing.T, m *localmesh.Mesh) string {
	t.Helper()
	pod, err := m.Pod(t.Context(), "mtls", "app=echo")
	if err != nil {
		t.Fatal(err)
	}
	return pod.IP + ":8080"
}

// TestRestart restarts the programs of a control plane, and checks that objects and
// traffic are unchanged.
func TestRestart(t *testing.T) {
	t.Parallel()
	mesh(t)
	m, err := localmesh.Start(t.Context(), options(false))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := m.Stop(); err != nil {
			t.Error(err)
		}
	})
	client := deploy(t, m, "restart")
	for _, program := range []string{"pilot-discovery", "kube-apiserver", "kube-controller-manager", "etcd"} {
		if err := m.Restart(t.Context(), program); err != nil {
			t.Fatalf("restart %s: %v", program, err)
		}
		if status, got := send(t, m, client, "http://echo/"); status != 200 || got.Service != "echo" {
			t.Errorf("after the restart of %s: answered %d by %+v", program, status, got)
		}
	}
	if err := m.Restart(t.Context(), "nothing"); err == nil {
		t.Error("a program that is not there was restarted")
	}
	// Objects applied after all that still reach Pods and proxies.
	pods := m.Kubernetes().CoreV1().Pods("restart")
	// An API server that has just started rejects some requests.
	eventually(t, "Pods can be deleted", func(ctx context.Context) bool {
		return pods.DeleteCollection(ctx, metav1.DeleteOptions{}, metav1.ListOptions{LabelSelector: "app=echo"}) == nil
	})
	if err := m.Apply(t.Context(), manifest(t, "subset.yaml", "restart")); err != nil {
		t.Fatal(err)
	}
	if err := m.Settle(t.Context()); err != nil {
		t.Fatal(err)
	}
	if err := m.WaitReady(t.Context(), "restart"); err != nil {
		t.Fatal(err)
	}
	if status, _ := send(t, m, client, "http://echo/", "x-teapot", "yes"); status != 418 {
		t.Errorf("answered %d, want that of the VirtualService", status)
	}
}

// victimEnv makes TestVictim start a mesh and wait to be killed.
const victimEnv = "OVERRIDES_TEST_VICTIM"

// TestVictim is the process that TestKilled kills.
func TestVictim(t *testing.T) {
	if os.Getenv(victimEnv) == "" {
		t.Skip("TestKilled runs this")
	}
	m, err := localmesh.Start(t.Context(), localmesh.Options{})
	if err != nil {
		t.Fatal(err)
	}
	fmt.Fprintln(os.Stdout, "victim", m.Dir)
	<-t.Context().Done()
}

// TestKilled kills the process that started a mesh with SIGKILL, and checks that nothing
// keeps running and nothing is left behind.
func TestKilled(t *testing.T) {
	t.Parallel()
	mesh(t)
	victim := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestVictim$")
	victim.Env = append(os.Environ(), victimEnv+"=1")
	stdout, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	dir := ""
	for lines := bufio.NewScanner(stdout); dir == "" && lines.Scan(); {
		dir, _ = strings.CutPrefix(lines.Text(), "victim ")
		if !filepath.IsAbs(dir) {
			dir = ""
		}
	}
	if running := processesOf(t, dir); dir == "" || len(running) < 4 {
		t.Fatalf("the mesh in %q runs %v", dir, running)
	}
	if err := victim.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = victim.Wait()
	eventually(t, "nothing is left of "+dir, func(context.Context) bool {
		_, err := os.Stat(dir)
		return len(processesOf(t, dir)) == 0 && errors.Is(err, os.ErrNotExist)
	})
}

// processesOf lists the processes whose working directory is in dir.
func processesOf(t *testing.T, dir string) []string {
	t.Helper()
	links, err := filepath.Glob("/proc/[0-9]*/cwd")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, link := range links {
		// Processes come and go; those of other users can't be read.
		if cwd, err := os.Readlink(link); err == nil && strings.HasPrefix(cwd, dir) {
			found = append(found, link)
		}
	}
	return found
}
