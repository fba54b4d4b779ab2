package e2e_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/internal/process"
	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

const (
	// away is how long a killed operator is away.
	away = 60 * time.Second
	// deliveryRate is the number of requests per second to each Service.
	deliveryRate = 50
	// delivered limits the duration of a controller's step.
	delivered = 4 * time.Minute
)

// delivery is a namespace in which a controller delivers new versions of the Services in
// docs/recipes.
type delivery struct {
	mesh      *stage.Mesh
	namespace string
	client    *http.Client
	programs  string
	running   []func()
}

// openDelivery applies the definitions of a controller's kinds, and deploys a caller.
func openDelivery(t *testing.T, namespace string, module program.Module, definitions ...string) *delivery {
	t.Helper()
	programtest.E2E.Need(t, module)
	m := mesh(t)
	paths, err := program.Build(t.Context(), module, os.Stderr)
	if err != nil {
		t.Fatal(err)
	}
	d := &delivery{mesh: m, namespace: namespace}
	t.Cleanup(func() { d.stop(t) })
	for _, d.programs = range paths { // there is one
		break
	}
	for _, path := range definitions {
		text, err := os.ReadFile(path)
		if err := errors.Join(err, m.Apply(t.Context(), text)); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile("testdata/controllers/caller.yaml")
	if err := errors.Join(err, m.Apply(t.Context(), d.here(text)), m.WaitReady(t.Context(), namespace), m.Settle(t.Context())); err != nil {
		t.Fatal(err)
	}
	caller, err := m.Pod(t.Context(), namespace, "app=caller")
	if err != nil {
		t.Fatal(err)
	}
	if d.client, err = m.Client(t.Context(), caller); err != nil {
		t.Fatal(err)
	}
	d.client.Timeout = 5 * time.Second
	return d
}

// here moves a manifest of the recipes into the test's namespace.
func (d *delivery) here(text []byte) []byte {
	text = bytes.ReplaceAll(text, []byte("\n  name: shop\n"), []byte("\n  name: "+d.namespace+"\n"))
	return bytes.ReplaceAll(text, []byte("namespace: shop"), []byte("namespace: "+d.namespace))
}

// recipe applies a manifest of docs/recipes. Its containers answer with their version,
// and change may change each of its objects first.
func (d *delivery) recipe(t *testing.T, name string, change func(*unstructured.Unstructured)) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs/recipes", name+".yaml"))
	if err != nil {
		t.Fatal(err)
	}
	for document := range bytes.SplitSeq(d.here(text), []byte("\n---\n")) {
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			t.Fatal(err)
		}
		sampled(t, object)
		change(object)
		if err := d.mesh.ApplyObjects(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

// sampled makes the containers of a workload answer with the version in their pod's
// label, without a sidecar.
func sampled(t *testing.T, object *unstructured.Unstructured) {
	t.Helper()
	containers, found, err := unstructured.NestedSlice(object.Object, "spec", "template", "spec", "containers")
	if err != nil || !found {
		return
	}
	for _, c := range containers {
		c.(map[string]any)["env"] = []any{ //nolint:forcetypeassert // a manifest of ours
			map[string]any{"name": "NAME", "value": object.GetName()},
			map[string]any{"name": "DRAIN", "value": "4s"},
			map[string]any{"name": "VERSION", "valueFrom": map[string]any{"fieldRef": map[string]any{"fieldPath": "metadata.labels['version']"}}},
		}
	}
	err = errors.Join(unstructured.SetNestedSlice(object.Object, containers, "spec", "template", "spec", "containers"),
		unstructured.SetNestedField(object.Object, "false", "spec", "template", "metadata", "labels", "sidecar.istio.io/inject"))
	if err != nil {
		t.Fatal(err)
	}
}

// run runs a program until it is killed, or the test ends for any reason.
func (d *delivery) run(t *testing.T, path string, args ...string) (kill func()) {
	t.Helper()
	// An operator that is started in a subtest outlives the subtest.
	log := filepath.Join(d.mesh.Dir, filepath.Base(path)+"-"+d.namespace+".log")
	p, err := process.Start(exec.Command(path, args...), log) //nolint:noctx // see above
	if err != nil {
		t.Fatal(err)
	}
	kill = func() {
		_ = p.Kill() // it may have ended
	}
	d.running = append(d.running, kill)
	return kill
}

// stop kills all programs, and shows their output if the test has failed.
func (d *delivery) stop(t *testing.T) {
	t.Helper()
	for _, kill := range d.running {
		kill()
	}
	logs, err := filepath.Glob(filepath.Join(d.mesh.Dir, "*-"+d.namespace+".log"))
	if err != nil || !t.Failed() {
		return
	}
	for _, log := range logs {
		text, err := os.ReadFile(log)
		t.Logf("%s (%v):\n%s", filepath.Base(log), err, text)
	}
}

func (d *delivery) operator(t *testing.T) (kill func()) {
	t.Helper()
	return d.run(t, programs(t).Overrides, "operator", "--kubeconfig", d.mesh.Kubeconfig, "--namespaces", d.namespace,
		"--metrics-bind-address", "0", "--health-probe-bind-address", "0")
}

// get returns an object, by the path of its kind.
func (d *delivery) get(ctx context.Context, kind, name string) (*unstructured.Unstructured, error) {
	group, plural, _ := strings.Cut(kind, " ")
	text, err := d.mesh.Kubernetes().Discovery().RESTClient().Get().AbsPath("/apis", group, "namespaces", d.namespace, plural, name).DoRaw(ctx)
	if err != nil {
		return nil, err
	}
	out := &unstructured.Unstructured{}
	return out, out.UnmarshalJSON(text)
}

// patch changes an object.
func (d *delivery) patch(t *testing.T, kind, name, patch string) {
	t.Helper()
	group, plural, _ := strings.Cut(kind, " ")
	err := d.mesh.Kubernetes().Discovery().RESTClient().Patch(types.MergePatchType).
		AbsPath("/apis", group, "namespaces", d.namespace, plural, name).Body([]byte(patch)).Do(t.Context()).Error()
	if err != nil {
		t.Fatal(err)
	}
}

// release gives the workload of a Service another version.
func (d *delivery) release(t *testing.T, kind, name, version string) {
	t.Helper()
	d.patch(t, kind, name, fmt.Sprintf(`{"spec":{"template":{"metadata":{"labels":{"version":%q}}}}}`, version))
}

const virtualServices = "networking.istio.io/v1 virtualservices"

// awaitDelegation waits until the VirtualService that Overrides makes for a Service
// delegates to a VirtualService with the Service's name, in two routes.
func (d *delivery) awaitDelegation(t *testing.T, service string) {
	t.Helper()
	d.awaitDelegations(t, service, 2)
}

func (d *delivery) awaitDelegations(t *testing.T, service string, want int) {
	t.Helper()
	programtest.Eventually(t, time.Minute, 100*time.Millisecond, service+" delegates", func(ctx context.Context) string {
		v, err := d.get(ctx, virtualServices, service+"-overrides")
		if err != nil {
			return err.Error()
		}
		routes, _, _ := unstructured.NestedSlice(v.Object, "spec", "http")
		count := 0
		for _, r := range routes {
			if to, _, _ := unstructured.NestedString(r.(map[string]any), "delegate", "name"); to == service { //nolint:forcetypeassert // the API server's
				count++
			}
		}
		if count != want {
			return fmt.Sprintf("%d of %d routes delegate", count, len(routes))
		}
		return ""
	})
}

// send asks a Service for its version.
func (d *delivery) send(ctx context.Context, service, override string) (string, error) {
	return askVersion(ctx, d.client, service, override)
}

// reaches waits until a version answers requests for it.
func (d *delivery) reaches(t *testing.T, service, version string) {
	t.Helper()
	await(t, service+":"+version, func() bool {
		answer, err := d.send(t.Context(), service, service+":"+version)
		return err == nil && answer == version
	})
}

// traffic sends ordinary requests to a Service, and requests for its preview.
type traffic struct {
	*load.Load
	of *delivery
}

// traffic starts requests to Services. Ordinary ones never reach a preview.
func (d *delivery) traffic(t *testing.T, services ...string) *traffic {
	t.Helper()
	var sources []load.Source
	for _, service := range services {
		d.reaches(t, service, "pr-7")
		sources = append(sources, load.Source{
			Name: service, Rate: deliveryRate,
			Send: func(ctx context.Context) (string, error) { return d.send(ctx, service, "") },
			Want: func(answer string) bool { return answer != "pr-7" },
		}, load.Source{
			Name: service + ":pr-7", Rate: deliveryRate / 5,
			Send: func(ctx context.Context) (string, error) { return d.send(ctx, service, service+":pr-7") },
			Want: func(answer string) bool { return answer == "pr-7" },
		})
	}
	return &traffic{load.Start(t.Context(), sources...), d}
}

// answers counts the answers to ordinary requests to the first Service, by version.
func (f *traffic) answers() map[string]int { return f.Counts()[0].Answers }

// end ends the traffic; no request may have failed.
func (f *traffic) end(t *testing.T) {
	t.Helper()
	for _, count := range f.Stop() {
		t.Log(count.String(), count.Answers)
		if !count.OK() {
			t.Errorf("requests failed, or were misrouted: %s", count.String())
		}
	}
}

// share is the fraction of the next ordinary requests that a version answers.
func (f *traffic) share(t *testing.T, version string) float64 {
	t.Helper()
	const enough = 150
	before := f.answers()
	total := func(m map[string]int) (n int) {
		for _, count := range m {
			n += count
		}
		return n
	}
	await(t, "some requests", func() bool { return total(f.answers()) >= total(before)+enough })
	after := f.answers()
	return float64(after[version]-before[version]) / float64(total(after)-total(before))
}
