package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// traceNamespace has a chain of services, each of which has a version that does not forward the
// header; service-2 calls service-3 twice.
const traceNamespace = "trace"

// TestTrace traces requests through a gateway and a chain. The trace finds the program that drops
// the override in each position, and each reason that a mesh can cause is the one given.
func TestTrace(t *testing.T) {
	t.Parallel()
	c := openTrace(t)
	for _, test := range []struct {
		name, path, override, expect string
		exit                         int
		want, never                  string
	}{
		{"All are honoured", "/", "service-1:v2, service-2:v2, service-3:v2, service-4:v2", "service-1:v2,service-4:v2", 0, "✓ service-4:v2: service-4:v2", "✗"},
		{"A set", "/", "*:v2", "service-1:v2,service-2:v2,service-3:v2,service-4:v2", 0, "✓ service-3:v2", "✗"},
		{"service-1 drops it", "/", "service-1:drops, service-4:v2", "service-4:v2", 1, "the header never reached service-2: service-1 got it and did not forward it [NotForwarded]", ""},
		{"service-2 drops it", "/", "service-2:drops, service-4:v2", "service-4:v2", 1, "the header never reached service-3: service-2 got it and did not forward it [NotForwarded]", ""},
		{"service-3 drops it", "/", "service-3:drops, service-4:v2", "service-4:v2", 1, "the header never reached service-4: service-3 got it and did not forward it [NotForwarded]", ""},
		{"No such version", "/", "service-3:v9", "service-3:v9", 1, "has no version v9", ""},
		{"No such version, and strict", "/", "service-3:v9;strict", "service-3:v9;strict", 1, "has no version v9", ""},
		{"Another caller", "/", "service-4:v2;from=service-1", "service-4:v2;from=service-1", 1, "[ConditionNotMet]", ""},
		{"A redirect", "/moved/", "service-4:v2", "service-4:v2", 1, "answered with a redirect (308) [AnsweredBefore]", ""},
		{"No such service", "/", "service-9:v1", "service-9:v1", 1, "there is no Service service-9", ""},
		{"The right caller", "/", "service-4:v2;from=service-3", "service-4:v2;from=service-3", 1, "✗ service-4:v2;from=service-3", ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			out, code := c.trace(t, test.path, "--override", test.override, "--expect", test.expect)
			if code != test.exit || !strings.Contains(out, test.want) || test.never != "" && strings.Contains(out, test.never) {
				t.Errorf("exit code %d, want %d and %q:\n%s", code, test.exit, test.want, out)
			}
		})
	}
	t.Run("Forwarding", func(t *testing.T) { c.forwarding(t) })
	t.Run("Repeat", func(t *testing.T) {
		out, code := c.trace(t, "/", "--override", "service-3:v2", "--expect", "service-3:v2", "--repeat", "200", "--concurrency", "8")
		if text := strings.Join(strings.Fields(out), " "); code != 0 || !strings.Contains(text, "served by service-3:v2 400") || !strings.Contains(text, "✓ service-3:v2 200") {
			t.Errorf("exit code %d:\n%s", code, out)
		}
	})
}

// traceMesh is the chain. entry and answers are the addresses of its gateway and of the collector on
// this machine.
type traceMesh struct {
	trailMesh
	entry, answers string
}

// openTrace deploys the chain, and a collector to which its proxies report.
func openTrace(t *testing.T) *traceMesh {
	t.Helper()
	c := &traceMesh{trailMesh: trailMesh{edgeFront: edgeFront{front: front{mesh: mesh(t), namespaces: []string{traceNamespace}}}}}
	c.apply(t, "testdata/trace.yaml", "")
	for i, calls := range []string{"http://service-2", "http://service-3 http://service-3", "http://service-4", ""} {
		c.apply(t, "testdata/traceservice.yaml", "", "SERVICE", fmt.Sprintf("service-%d", i+1), "CALLS", calls)
	}
	c.findGateways(t)
	c.client = c.newClient(t)
	c.apply(t, "testdata/trail.yaml", "")
	if err := c.mesh.WaitReady(t.Context(), traceNamespace+"-collector"); err != nil {
		t.Fatal(err)
	}
	if out := c.overrides(t, traceNamespace, "apply"); strings.Contains(out, "error") {
		t.Fatal(out)
	}
	c.settle(t)
	c.report(t, "trail."+traceNamespace+"-collector.svc.cluster.local:9911")
	pod, err := c.mesh.Pod(t.Context(), traceNamespace+"-collector", "app=trail")
	if err != nil {
		t.Fatal(err)
	}
	c.entry, c.answers = c.forward(t, c.gateways[0]+":80"), c.forward(t, pod.IP+":9912")
	c.awaitTrails(t)
	return c
}

// awaitTrails waits until the proxies on the way report, many times in a row.
func (c *traceMesh) awaitTrails(t *testing.T) {
	t.Helper()
	programtest.Eventually(t, 2*time.Minute, 100*time.Millisecond, "every proxy reports", func(context.Context) string {
		for range 3 {
			if out, code := c.trace(t, "/", "--override", "*:v2", "--expect", "service-1:v2,service-2:v2,service-3:v2,service-4:v2", "--repeat", "10"); code != 0 {
				return out
			}
		}
		return ""
	})
}

// forward makes an address in the mesh one on this machine.
func (c *traceMesh) forward(t *testing.T, address string) string {
	t.Helper()
	out, err := c.mesh.Forward(t.Context(), localmesh.Pod{}, address)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// trace runs overrides trace, and returns what it wrote and its exit code.
func (c *traceMesh) trace(t *testing.T, path string, flags ...string) (string, int) {
	t.Helper()
	args := append([]string{
		"trace", "http://" + c.entry + path, "--host", edgeShop, "--collector", "http://" + c.answers,
		"--kubeconfig", c.mesh.Kubeconfig, "-n", c.namespaces[0], "-q",
	}, flags...)
	command := exec.CommandContext(t.Context(), programs(t).Overrides, args...)
	var out bytes.Buffer
	command.Stdout, command.Stderr = &out, &out
	err := command.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return out.String(), exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return out.String(), 0
}

// forwarding: each service is named that drops the override, and no other.
func (c *traceMesh) forwarding(t *testing.T) {
	t.Helper()
	for i := range 3 {
		drops := fmt.Sprintf("service-%d", i+1)
		out, code := c.trace(t, "/", "--forwarding", "--override", drops+":drops")
		if code != 1 || strings.Count(out, "✗") != 1 || !strings.Contains(out, "✗ "+drops+"."+c.namespaces[0]+" (GET) does not forward overrides") {
			t.Errorf("exit code %d, want ✗ %s:\n%s", code, drops, out)
		}
	}
	out, code := c.trace(t, "/", "--forwarding")
	if code != 0 || strings.Count(out, "✓") != 3 || !strings.Contains(out, "· service-4") {
		t.Errorf("exit code %d:\n%s", code, out)
	}
}
