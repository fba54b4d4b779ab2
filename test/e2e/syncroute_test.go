package e2e_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/test/e2e/block"
)

// awaitEvent waits until a version is reported as overridable, checks that each Envoy
// then has the route, and returns the time.
func (s *syncTest) awaitEvent(t *testing.T, service, version string) time.Time {
	t.Helper()
	defer func() {
		if t.Failed() {
			t.Log(s.text())
		}
	}()
	await(t, "an Event that "+service+":"+version+" can be asked for", func() bool { return s.isOverridable(t, service, version) })
	at := time.Now()
	for _, pod := range s.pods {
		if routes := s.admin(t, pod, "/config_dump?resource=dynamic_route_configs"); !strings.Contains(routes, `"override.`+service+"."+version+`"`) {
			t.Errorf("the Envoy of %s does not have the route to %s:%s", pod.Name, service, version)
		}
	}
	return at
}

// isOverridable reports whether the Event for a version exists.
func (s *syncTest) isOverridable(t *testing.T, service, version string) bool {
	t.Helper()
	list, err := s.mesh.Kubernetes().CoreV1().Events(syncNamespace).List(t.Context(), metav1.ListOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return hasEvent(list.Items, "VersionOverridable", service+":"+version)
}

// routeStopped stops an Envoy after the route to a version was written and before istiod
// sends it, and checks that the version is not reported as overridable until the Envoy
// continues: the cluster exists, so only the route is missing.
func (s *syncTest) routeStopped(t *testing.T, service, version string) {
	t.Helper()
	envoy := s.envoyOf(t, s.pods[1])
	t.Cleanup(func() { _ = envoy.Signal(syscall.SIGCONT) })
	s.awaitRoute(t, service, version)
	if err := envoy.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	await(t, "a proxy that lacks the route", func() bool { return s.metric(t, `overrides_proxies{state="behind"}`) > 0 })
	asked := s.metric(t, `overrides_istiod_rounds_total{result="done"}`)
	await(t, "istiod to be asked often", func() bool { return s.metric(t, `overrides_istiod_rounds_total{result="done"}`) > asked+20 })
	if s.isOverridable(t, service, version) {
		t.Error("the version is said to be overridable, though an Envoy can't have the route")
	}
	if err := envoy.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	s.awaitEvent(t, service, version)
}

// awaitRoute creates another version, and returns when the route to it is written.
func (s *syncTest) awaitRoute(t *testing.T, service, version string) time.Time {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("testdata/sync", service+"-v2.yaml"))
	if err == nil {
		err = s.mesh.Apply(t.Context(), bytes.ReplaceAll(text, []byte("v2"), []byte(version)))
	}
	if err != nil {
		t.Fatal(err)
	}
	tick, late := time.NewTicker(2*time.Millisecond), time.After(time.Minute)
	defer tick.Stop()
	for !slices.Contains(s.subsets(t, service), "override-"+version) {
		select {
		case <-tick.C:
		case <-late:
			t.Fatal("no route was written")
		}
	}
	return time.Now()
}

// envoyOf finds the Envoy of a pod.
func (s *syncTest) envoyOf(t *testing.T, pod localmesh.Pod) *os.Process {
	t.Helper()
	pid, err := block.FindProxy(s.mesh.Dir, pod.Name)
	if err != nil {
		t.Fatal(err)
	}
	envoy, err := os.FindProcess(pid)
	if err != nil {
		t.Fatal(err)
	}
	return envoy
}
