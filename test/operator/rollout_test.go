package operator_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// program runs overrides on the cluster of s, and returns its output and exit code.
func (s *shop) program(t *testing.T, path string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errs bytes.Buffer
	command := exec.CommandContext(t.Context(), path, append(args, "--kubeconfig", s.plane.Kubeconfig)...)
	command.Stdout, command.Stderr = &out, &errs
	if err := command.Run(); err != nil && command.ProcessState == nil {
		t.Fatal(err)
	}
	return out.String(), errs.String(), command.ProcessState.ExitCode()
}

func (s *shop) applyArgs(more ...string) []string {
	return append([]string{"apply", "-n", s.namespace, "--propagation-delay", "200ms", "--drain-delay", "300ms"}, more...)
}

// applies runs overrides apply, and compares its output and exit code.
func (s *shop) applies(t *testing.T, path string, code int, want []string, args ...string) string {
	t.Helper()
	stdout, stderr, got := s.program(t, path, s.applyArgs(args...)...)
	text := ""
	for _, line := range want {
		text += strings.ReplaceAll(line, "cart-", s.namespace+"/cart-") + "\n"
	}
	if got != code || stdout != text {
		t.Fatalf("overrides %s: exit code %d, want %d; it writes\n%swant\n%s\n%s", strings.Join(args, " "), got, code, stdout, text, stderr)
	}
	return stderr
}

// TestApply: overrides apply gives a namespace the output of generate, without an
// operator, in the operator's order; and deletes objects that are no longer generated.
func TestApply(t *testing.T) {
	t.Parallel()
	s, path := openShop(t, sharedPlane(t), "apply"), programtest.Overrides(t, "../..")
	s.applies(t, path, 0, nil)
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.applies(t, path, 0, []string{"would create DestinationRule cart-overrides", "would create VirtualService cart-overrides"}, "--dry-run")
	s.empty(t)
	s.applies(t, path, 0, []string{"created DestinationRule cart-overrides", "created VirtualService cart-overrides"})
	s.converges(t, 2)
	if said := s.applies(t, path, 0, nil); !strings.Contains(said, "nothing to write: everything is in place") {
		t.Errorf("the second time it says\n%s", said)
	}
	s.deploy(t, "v3")
	s.ready(t, "v3", true)
	s.applies(t, path, 0, []string{"updated DestinationRule cart-overrides", "updated VirtualService cart-overrides", "updated VirtualService cart-overrides"})
	s.converges(t, 2)
	s.remove(t, "v3")
	s.applies(t, path, 0, []string{"updated VirtualService cart-overrides", "updated DestinationRule cart-overrides"})
	s.converges(t, 2)
	s.remove(t, "v2")
	kept, said, code := s.program(t, path, s.applyArgs("--prune=false")...)
	if code != 0 || strings.Contains(kept, "deleted") || !strings.Contains(said, "cart-overrides, which is no longer generated") {
		t.Errorf("--prune=false: exit code %d\n%s%s", code, kept, said)
	}
	s.prunes(t, path)
}

// prunes deletes all generated objects of the Service, the rule last.
func (s *shop) prunes(t *testing.T, path string, args ...string) {
	t.Helper()
	stdout, stderr, code := s.program(t, path, s.applyArgs(args...)...)
	lines := strings.Split(strings.TrimSpace(stdout), "\n")
	if code != 0 || lines[len(lines)-1] != "deleted DestinationRule "+s.namespace+"/cart-overrides" {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	s.empty(t)
}

// TestApplyAfterKubectl: objects of generate's output that a user applied are taken over
// only on request.
func TestApplyAfterKubectl(t *testing.T) {
	t.Parallel()
	s, path := openShop(t, sharedPlane(t), "takeover"), programtest.Overrides(t, "../..")
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	printed, _, _ := s.program(t, path, "generate", "-n", s.namespace, "-o", "json")
	var list unstructured.UnstructuredList
	check(t, list.UnmarshalJSON([]byte(printed)))
	for i := range list.Items {
		u := &list.Items[i]
		resource := destinationRules
		if u.GetKind() == "VirtualService" {
			resource = virtualServices
		}
		_, err := s.objects.Resource(resource).Namespace(s.namespace).Apply(t.Context(), u.GetName(), u, metav1.ApplyOptions{FieldManager: "kubectl"})
		check(t, err)
	}
	s.deploy(t, "v3")
	s.ready(t, "v3", true)
	if said := s.applies(t, path, 1, nil); !strings.Contains(said, "[FieldConflict]") || !strings.Contains(said, "--force-conflicts") {
		t.Errorf("it says\n%s", said)
	}
	if stdout, stderr, code := s.program(t, path, s.applyArgs("--force-conflicts")...); code != 0 || !strings.HasPrefix(stdout, "updated DestinationRule ") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	s.converges(t, 2)
	s.remove(t, "v2")
	s.remove(t, "v3")
	if _, said, code := s.program(t, path, s.applyArgs()...); code != 1 || !strings.Contains(said, "not deleted: kubectl has applied it") {
		t.Errorf("exit code %d\n%s", code, said)
	}
	s.prunes(t, path, "--force-conflicts")
}

// TestApplyLeavesOthers: objects of an operator, and of namespaces that are not in the
// input, are not touched.
func TestApplyLeavesOthers(t *testing.T) {
	t.Parallel()
	s, path := openShop(t, sharedPlane(t), "others"), programtest.Overrides(t, "../..")
	o := options(s.namespace)
	o.Instance = "tools/overrides-operator"
	r := run(t, s.config, o)
	s.deploy(t, "v2")
	s.ready(t, "v2", true)
	s.converges(t, 2)
	r.stop()
	s.remove(t, "v2")
	if said := s.applies(t, path, 1, nil, "--force-conflicts"); !strings.Contains(said, "[OtherInstance]") {
		t.Errorf("it says\n%s", said)
	}
	file := filepath.Join(t.TempDir(), "web.yaml")
	check(t, os.WriteFile(file, []byte(`apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {selector: {app: web}, ports: [{name: http, port: 80}]}
`), 0o600))
	if stdout, stderr, code := s.program(t, path, "apply", "-f", file); code != 0 || stdout != "" {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
	broken := filepath.Join(t.TempDir(), "broken.yaml")
	check(t, os.WriteFile(broken, []byte("a: ["), 0o600))
	if stdout, stderr, code := s.program(t, path, "apply", "-f", file, "-f", broken); code != 1 || stdout != "" || !strings.Contains(stderr, "nothing is written") {
		t.Errorf("exit code %d\n%s%s", code, stdout, stderr)
	}
}
