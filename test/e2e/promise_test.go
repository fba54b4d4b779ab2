package e2e_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/test/e2e/conform"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

// promiseMeshes are the kinds of meshes for the worlds of testdata/promise.
var promiseMeshes = []struct {
	name string
	// mesh is the name of the kind in worlds.
	mesh      string
	config    map[string]any
	revisions []string
}{
	{name: "two revisions", revisions: []string{"canary"}},
	{name: "private by default", mesh: "private", config: map[string]any{
		"defaultVirtualServiceExportTo": []string{"."}, "defaultDestinationRuleExportTo": []string{"."},
	}},
}

// everywhere are the callers of every world: in another namespace, under a Sidecar that
// limits imports, in the root namespace, and under another istiod.
func everywhere(revisions []string) []conform.Workload {
	out := []conform.Workload{
		{Name: "web", Namespace: "front", Labels: map[string]string{"app": "web"}},
		{Name: "web", Namespace: "scoped", Labels: map[string]string{"app": "web"}},
		{Name: "prober", Namespace: "istio-system", Labels: map[string]string{"app": "prober"}},
	}
	for _, revision := range revisions {
		out = append(out, conform.Workload{Name: "web", Namespace: revision, Labels: map[string]string{"app": "web"}})
	}
	return out
}

// TestPromise sends ordinary requests before and after the objects of Overrides are in
// force, in worlds where visibility is not obvious, and uses no other oracle: answers
// stay the same, and only previews are missing from the servers. If a preview gets a
// request or a copy of one, "overrides check" must have reported it.
func TestPromise(t *testing.T) {
	for _, kind := range promiseMeshes {
		t.Run(kind.name, func(t *testing.T) {
			worlds := promiseWorlds(t, kind.mesh)
			callers := everywhere(kind.revisions)
			options := meshOptions(t)
			options.MeshConfig, options.Revisions = kind.config, kind.revisions
			m, err := stage.StartMesh(t.Context(), options)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := m.Stop(); err != nil {
					t.Error(err)
				}
			})
			makeCallers(t, m, worlds, callers, kind.revisions)
			t.Run("worlds", func(t *testing.T) {
				for _, w := range worlds {
					w.Share(callers)
					t.Run(w.Name, func(t *testing.T) {
						t.Parallel()
						testPromise(t, m, w)
					})
				}
			})
		})
	}
}

// meshOptions skips t if a mesh would have to be built first, unless the environment asks
// for it.
func meshOptions(t *testing.T) stage.MeshOptions {
	t.Helper()
	var crds []string
	for _, kind := range []string{"overridepolicies", "gatewayoverridepolicies", "overridegrants", "overridegrantpolicies"} {
		crd, err := filepath.Abs(filepath.Join(root, "config/crd/overrides.mesh_"+kind+".yaml"))
		if err != nil {
			t.Fatal(err)
		}
		crds = append(crds, crd)
	}
	options := stage.MeshOptions{Envoy: programtest.E2E.Envoy(t), CRDs: crds, Log: os.Stderr}
	programtest.E2E.Need(t, program.Kubernetes(), program.Istio())
	options.Programs = programs(t)
	options.Images = pushes(t)
	options.Images["overrides"] = options.Programs.Overrides
	writeOffice(t)
	for _, image := range []string{pageImage, socketImage, officeImage} {
		options.Images[image] = filepath.Join(shared.dir, image)
	}
	return options
}

func promiseWorlds(t *testing.T, mesh string) []*conform.World {
	t.Helper()
	return slices.DeleteFunc(worldsIn(t, "testdata/promise"), func(w *conform.World) bool { return w.Mesh != mesh })
}

// makeCallers creates the namespaces of all worlds, and the callers outside of them.
func makeCallers(t *testing.T, m *stage.Mesh, worlds []*conform.World, callers []conform.Workload, revisions []string) {
	t.Helper()
	all := &conform.World{Namespaces: append([]string{"front", "scoped"}, revisions...), Revisions: map[string]string{}}
	for _, revision := range revisions {
		all.Revisions[revision] = revision
	}
	for _, w := range worlds {
		all.Namespaces = append(all.Namespaces, w.Namespaces...)
	}
	all.Share(callers)
	manifests, err := all.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	scoped, err := os.ReadFile("testdata/promise/scoped.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := m.Apply(t.Context(), manifests.Namespaces, scoped, manifests.First); err != nil {
		t.Fatal(err)
	}
	for _, l := range callers {
		if err := m.WaitReady(t.Context(), l.Namespace); err != nil {
			t.Fatal(err)
		}
	}
}

// testPromise tests one world.
func testPromise(t *testing.T, m *stage.Mesh, w *conform.World) {
	t.Helper()
	younger := w.Objects["younger.yaml"]
	delete(w.Objects, "younger.yaml")
	cases := promiseCases(t, w)
	manifests, err := w.Manifests()
	if err != nil {
		t.Fatal(err)
	}
	d, err := m.Deploy(t.Context(), w, manifests)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(d.Close)
	users := slices.Concat(addressed(t, m, w, manifests.Users), []byte("---\n"), younger)
	if err := d.Users(t.Context(), users); err != nil {
		t.Fatal(err)
	}
	before := sendSamples(t, d, cases, true)
	if len(younger) > 0 {
		err = d.Younger(t.Context(), younger)
	} else {
		err = d.Enable(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	warnings, err := d.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	promise := &promise{world: w, warnings: warnings}
	served := servedBy(t, d)
	after := sendSamples(t, d, cases, true)
	promise.copies(t, served, servedBy(t, d))
	overridden := sendSamples(t, d, cases, false)
	promise.logged = loggedBy(t, d, cases)
	promise.ordinary(t, before, after)
	promise.overrides(t, overridden)
	for _, w := range warnings {
		t.Logf("overrides check warns: %s: %s: %s", w.Object, w.Message, w.Code)
	}
	if t.Failed() {
		t.Logf("the output of generate:\n%s", d.Made())
	}
}

// promiseCases reads the cases of a world. Cases of the caller ANY are multiplied for
// each caller of the world, those of ELSEWHERE for each caller outside its namespaces.
func promiseCases(t *testing.T, w *conform.World) []conform.Case {
	t.Helper()
	file := filepath.Join("testdata/promise", w.Name, "cases.txt")
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var expanded strings.Builder
	for _, block := range blocks(string(text)) {
		name, rest, anywhere := strings.Cut(block, ": ANY ")
		elsewhere := false
		if !anywhere {
			name, rest, elsewhere = strings.Cut(block, ": ELSEWHERE ")
		}
		if !anywhere && !elsewhere {
			expanded.WriteString(block)
			continue
		}
		for _, caller := range w.Callers() {
			if l, err := w.Workload(caller); err == nil && (anywhere || l.Shared) {
				fmt.Fprintf(&expanded, "%s-%s: %s %s", name, strings.ReplaceAll(caller, ".", "-"), caller, rest)
			}
		}
	}
	cases, err := conform.ParseCases(w, []byte(expanded.String()))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return cases
}

// blocks splits a file of cases into lines, each case with its headers.
func blocks(text string) []string {
	var out []string
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "    ") && len(out) > 0 {
			out[len(out)-1] += line
		} else {
			out = append(out, line)
		}
	}
	return out
}

// addressed replaces references to pods by their addresses.
func addressed(t *testing.T, m *stage.Mesh, w *conform.World, objects []byte) []byte {
	t.Helper()
	out := string(objects)
	for i := range w.Workloads {
		l := &w.Workloads[i]
		if word := "ADDRESS-OF-" + l.Name; strings.Contains(out, word) {
			pod, err := m.Pod(t.Context(), l.Namespace, "app="+l.Labels["app"])
			if err != nil {
				t.Fatal(err)
			}
			out = strings.ReplaceAll(out, word, pod.IP)
		}
	}
	return []byte(out)
}

// promiseSamples is how often a request is sent. A server that gets a third of the
// requests is missed with a probability of 10⁻¹⁰.
const promiseSamples = 60

// sendSamples sends all cases without an override, or those with one.
func sendSamples(t *testing.T, d *stage.Deployment, cases []conform.Case, plain bool) []ordinary {
	t.Helper()
	var out []ordinary
	for i := range cases {
		if c := &cases[i]; plain == (len(withoutCarriers(*c).Header) == len(c.Header)) {
			out = append(out, ordinary{of: c, samples: promiseSamples})
		}
	}
	parallel(len(out), func(i int) { out[i].send(t.Context(), d) })
	return out
}

func servedBy(t *testing.T, d *stage.Deployment) map[string]int {
	t.Helper()
	served, err := d.Served(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return served
}

func loggedBy(t *testing.T, d *stage.Deployment, cases []conform.Case) map[string][]stage.Logged {
	t.Helper()
	var names []string
	for i := range cases {
		names = append(names, cases[i].Name)
	}
	logs, err := d.Logs(t.Context(), names)
	if err != nil {
		t.Fatal(err)
	}
	return logs
}
