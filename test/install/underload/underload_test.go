package underload_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/test/install/release"
)

const (
	root = "../../.."
	shop = "shop"
	// deadline limits every wait; tests that pass never reach it.
	deadline = 2 * time.Minute
)

func TestMain(m *testing.M) {
	release.AsHelm()
	os.Exit(m.Run())
}

// The phases, in their order.
const (
	before     = "before"
	installed  = "helm install"
	previewed  = "v2 is deployed"
	upgraded   = "helm upgrade, v3 is deployed"
	again      = "helm upgrade"
	withdrawn  = "previews of shop are deleted"
	uninstalls = "helm uninstall"
	after      = "after"
)

// TestUnderLoad: no ordinary request fails or reaches a preview while the chart is
// installed, upgraded twice and uninstalled, and no override fails. A version that is
// deployed during an upgrade is overridable after it.
func TestUnderLoad(t *testing.T) {
	w := open(t)
	w.enter(t, before)
	for _, service := range []string{"shop", "cart", "control"} {
		w.start(t.Context(), service, "")
	}
	w.linger(t)

	w.enter(t, installed)
	w.check(t, w.release.Install(t.Context(), nil))
	w.check(t, w.mesh.WaitReady(t.Context(), release.Namespace))
	w.enter(t, previewed)
	w.deploy(t, "v2")
	w.override(t, "v2")
	w.linger(t)

	// The pods of the operator are replaced while a version is deployed.
	w.enter(t, upgraded)
	w.deploy(t, "v3")
	w.check(t, w.release.Upgrade(t.Context(), map[string]any{"drainDelay": "4s", "logFormat": "text"}))
	w.check(t, w.mesh.WaitReady(t.Context(), release.Namespace))
	w.override(t, "v3")
	w.linger(t)
	w.enter(t, again)
	w.check(t, w.release.Upgrade(t.Context(), map[string]any{"drainDelay": "4s", "propagationDelay": "2s", "replicas": 3}))
	w.check(t, w.mesh.WaitReady(t.Context(), release.Namespace))
	w.linger(t)

	// As docs/install.md advises, previews that must not get ordinary requests are
	// deleted first.
	w.stop("shop:v2", "shop:v3")
	w.enter(t, withdrawn)
	for _, version := range []string{"v2", "v3"} {
		w.check(t, w.mesh.Kubernetes().AppsV1().Deployments(shop).Delete(t.Context(), "shop-"+version, metav1.DeleteOptions{}))
	}
	w.gone(t, "app=shop,version!=v1")
	w.enter(t, uninstalls)
	took, err := w.release.Uninstall()
	w.check(t, err)
	t.Logf("helm uninstall took %v", took.Round(time.Millisecond))
	w.enter(t, after)
	w.nothingLeft(t)
	w.check(t, w.mesh.Settle(t.Context()))
	w.linger(t)
	w.stop()
	w.judge(t, may)
}

// may returns the versions that may serve a request.
func may(name, phase string) []string {
	service, version, _ := strings.Cut(name, ":")
	switch {
	case service == "control" || service == "cart" && (phase == uninstalls || phase == after):
		return []string{"v1", "v2", "v3"}
	case version != "":
		return []string{version}
	}
	return []string{"v1"}
}

// world is a mesh with a shop, and the installed chart.
type world struct {
	*traffic
	mesh    *localmesh.Mesh
	release *release.Release
}

func (*world) check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// open starts a mesh, and deploys the released versions.
func open(t *testing.T) *world {
	t.Helper()
	envoy := programtest.E2E.Envoy(t)
	programtest.E2E.Need(t, program.Kubernetes(), program.Istio())
	dir := t.TempDir()
	w := &world{}
	w.check(t, programtest.Build(t.Context(), root, dir, "./cmd/overrides", "./cmd/sample"))
	var err error
	w.mesh, err = localmesh.Start(t.Context(), localmesh.Options{
		Log: t.Output(), Envoy: envoy,
		Images: map[string]string{"sample": filepath.Join(dir, "sample"), "ghcr.io/overrides-mesh/overrides": writeImage(t, dir)},
	})
	w.check(t, err)
	t.Cleanup(func() { w.check(t, w.mesh.Stop()) })
	t.Cleanup(func() { w.logs(t) })
	giveTokens(t, w.mesh, dir)
	w.release = &release.Release{Kubeconfig: w.mesh.Kubeconfig, Chart: filepath.Join(root, "charts/overrides"), Timeout: deadline, CreateNamespace: true}
	text, err := os.ReadFile("testdata/world.yaml")
	w.check(t, errors.Join(err, w.mesh.Apply(t.Context(), text)))
	w.deploy(t, "v1")
	w.check(t, w.mesh.WaitReady(t.Context(), shop))
	w.check(t, w.mesh.Settle(t.Context()))
	pod, err := w.mesh.Pod(t.Context(), shop, "app=client")
	w.check(t, err)
	client, err := w.mesh.Client(t.Context(), pod)
	w.check(t, err)
	w.traffic = &traffic{client: client, running: map[string]*load.Load{}}
	t.Cleanup(func() { w.stop() })
	return w
}

// deploy deploys a version of shop and cart.
func (w *world) deploy(t *testing.T, version string) {
	t.Helper()
	text, err := os.ReadFile("testdata/version.yaml")
	w.check(t, err)
	for _, service := range []string{"shop", "cart"} {
		manifest := strings.NewReplacer("SERVICE", service, "v0", version).Replace(string(text))
		w.check(t, w.mesh.Apply(t.Context(), []byte(manifest)))
	}
}

// override waits until a version of shop and cart is overridable, and sends requests for
// it from then on.
func (w *world) override(t *testing.T, version string) {
	t.Helper()
	for _, service := range []string{"shop", "cart"} {
		programtest.Eventually(t, deadline, 100*time.Millisecond, service+":"+version+" is overridable", func(ctx context.Context) string {
			events, err := w.mesh.Kubernetes().CoreV1().Events(shop).List(ctx, metav1.ListOptions{})
			if err != nil {
				return err.Error()
			}
			for i := range events.Items {
				e := &events.Items[i]
				if e.Reason == "VersionOverridable" && e.InvolvedObject.Name == service && strings.Contains(e.Message, version) {
					return ""
				}
			}
			return "no Event says so"
		})
		w.start(t.Context(), service, version)
	}
}

// linger waits for another two seconds' worth of ordinary requests.
func (w *world) linger(t *testing.T) {
	t.Helper()
	sent := w.sent("shop")
	programtest.Eventually(t, deadline, 50*time.Millisecond, "further requests", func(context.Context) string {
		if n := w.sent("shop") - sent; n < 2*ordinaryRate {
			return fmt.Sprintf("%d were sent", n)
		}
		return ""
	})
}

// gone waits until no pod that a selector matches is left.
func (w *world) gone(t *testing.T, selector string) {
	t.Helper()
	programtest.Eventually(t, deadline, 100*time.Millisecond, selector, func(ctx context.Context) string {
		pods, err := w.mesh.Pods(ctx, shop, selector)
		if err != nil || len(pods) > 0 {
			return fmt.Sprintf("%d pods are left, %v", len(pods), err)
		}
		return ""
	})
}

// nothingLeft fails t if anything of the operator, or any of its objects, is left.
func (w *world) nothingLeft(t *testing.T) {
	t.Helper()
	objects, err := dynamic.NewForConfig(w.mesh.Config)
	w.check(t, err)
	for _, resource := range []string{"virtualservices", "destinationrules"} {
		kind := schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: resource}
		list, err := objects.Resource(kind).Namespace(shop).List(t.Context(), metav1.ListOptions{})
		w.check(t, err)
		for i := range list.Items {
			t.Errorf("%s %s is left", resource, list.Items[i].GetName())
		}
	}
	programtest.Eventually(t, deadline, 100*time.Millisecond, "the operator's pods", func(ctx context.Context) string {
		pods, err := w.mesh.Pods(ctx, release.Namespace, "")
		if err != nil || len(pods) > 0 {
			return fmt.Sprintf("%d pods are left, %v", len(pods), err)
		}
		return ""
	})
}

// logs shows the logs of the chart's pods if the test has failed.
func (w *world) logs(t *testing.T) {
	t.Helper()
	if !t.Failed() {
		return
	}
	files, err := w.mesh.LogFiles(release.Namespace, "", "")
	if err != nil {
		t.Error(err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil {
			t.Logf("%s:\n%s", file, text)
		}
	}
}
