package island_test

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/island"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestIslandsAreTheWhole: whatever comes, changes, expires and goes, and in whatever order,
// what islands make is what follows from all objects at once.
func TestIslandsAreTheWhole(t *testing.T) {
	t.Parallel()
	most := 0
	rapid.Check(t, func(t *rapid.T) {
		options, objects, other := clusters(t)
		m := newWorld(options)
		for _, name := range order(t, objects) {
			m.put(name, objects[name])
			if rapid.IntRange(0, 9).Draw(t, "update") == 0 {
				m.update(t)
			}
		}
		m.update(t)
		for range rapid.IntRange(0, 6).Draw(t, "changes") {
			for range rapid.IntRange(0, 3).Draw(t, "at once") {
				m.change(t, objects, other)
			}
			m.now = m.now.Add(rapid.SampledFrom([]time.Duration{0, 0, time.Hour}).Draw(t, "time passes"))
			m.update(t)
		}
		most = max(most, m.most)
	})
	if most < 3 {
		t.Errorf("there were never more than %d islands", most)
	}
}

// TestArchives: what goldens say of the whole holds for islands too.
func TestArchives(t *testing.T) {
	t.Parallel()
	inputs := archives(t)
	if len(inputs) < 50 {
		t.Errorf("there are %d archives", len(inputs))
	}
	rapid.Check(t, func(t *rapid.T) {
		objects := cluster(t, inputs[rapid.SampledFrom(slices.Sorted(maps.Keys(inputs))).Draw(t, "archive")])
		m := newWorld(model.DefaultOptions())
		for _, name := range order(t, objects) {
			m.put(name, objects[name])
		}
		m.update(t)
		for range 3 {
			m.change(t, objects, objects)
			m.update(t)
		}
	})
}

// archives are the manifests of goldens, by the names of their files.
func archives(t *testing.T) map[string]string {
	t.Helper()
	out := map[string]string{}
	for _, pattern := range []string{"../compile/testdata/*/*.txtar", "../prove/testdata/*/*.txtar", "../prove/testdata/*.txtar", "../discover/testdata/*.txtar", "../closed/testdata/*.txtar", "../access/testdata/*.txtar"} {
		found, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, file := range found {
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range archive.Files {
				if f.Name == "input.yaml" {
					out[file] = string(f.Data)
				}
			}
		}
	}
	return out
}

// noon is the time at which worlds begin.
var noon = time.Date(2026, 11, 30, 12, 0, 0, 0, time.UTC)

// world is a cluster, and the map of it.
type world struct {
	options model.Options
	now     time.Time
	m       *island.Map
	objects map[diag.Object]discover.Object
	// islands has what was last reported of each.
	islands map[*island.Island]island.Compiled
	most    int
	// replaced is called with the name of each object that comes, changes or goes.
	replaced func(diag.Object)
}

func newWorld(options model.Options) *world {
	return &world{replaced: func(diag.Object) {}, options: options, now: noon, m: island.NewMap(island.Options{Model: options}), objects: map[diag.Object]discover.Object{}, islands: map[*island.Island]island.Compiled{}}
}

func (w *world) put(name diag.Object, object discover.Object) {
	w.replaced(name)
	w.objects[name] = object
	w.m.Put(name, island.Object{Read: object})
}

// change removes an object, puts one back, or puts one of another cluster in its place.
func (w *world) change(t *rapid.T, objects, other map[diag.Object]discover.Object) {
	names := order(t, objects)
	name := names[0]
	switch rapid.IntRange(0, 3).Draw(t, "change") {
	case 0, 1:
		w.replaced(name)
		delete(w.objects, name)
		w.m.Remove(name)
	case 2:
		w.put(name, objects[name])
	case 3:
		for _, n := range order(t, other)[:1] {
			w.put(n, other[n])
		}
	}
}

// update has the map updated, and fails where it is not what the whole is.
func (w *world) update(t *rapid.T) {
	t.Helper()
	w.m.Advance(w.now)
	u := w.m.Update()
	for _, i := range u.Gone {
		delete(w.islands, i) // or it was never reported
	}
	for _, i := range u.Changed {
		w.islands[i] = i.Compiled
	}
	var reported, again []island.Compiled
	w.m.All(func(i *island.Island) {
		was, known := w.islands[i]
		if !known {
			t.Fatalf("an island was not reported")
		}
		reported = append(reported, was)
		i.Release()
		w.m.Compile(i)
		again = append(again, i.Compiled)
		if rapid.Bool().Draw(t, "released") {
			i.Release()
		}
	})
	if len(reported) != len(w.islands) {
		t.Fatalf("%d islands exist, and %d were reported", len(reported), len(w.islands))
	}
	w.most = max(w.most, len(reported))
	w.compare(t, reported)
	w.compare(t, again)
}

// compare fails if islands are not the whole.
func (w *world) compare(t *rapid.T, islands []island.Compiled) {
	t.Helper()
	var all []compile.Result
	found := w.m.Common()
	for i := range islands {
		all = append(all, islands[i].Result)
		found = slices.Concat(found, islands[i].Diagnostics)
	}
	whole := &discover.Objects{Cluster: true}
	for _, object := range w.objects {
		whole.Put(object)
	}
	snapshot, diags := whole.Snapshot(w.options)
	snapshot.Now = w.now
	result, _ := prove.Compile(snapshot)
	want, wantText := merged(t, []compile.Result{result}, slices.Concat(diags, result.Diagnostics))
	got, gotText := merged(t, all, found)
	if d := gocmp.Diff(wantText, gotText); d != "" {
		t.Fatalf("-whole +islands:\n%s", d)
	}
	if d := gocmp.Diff(want.Services, got.Services, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("-whole +islands:\n%s", d)
	}
	if d := gocmp.Diff(want.Policies, got.Policies, cmpopts.EquateEmpty()); d != "" {
		t.Fatalf("-whole +islands:\n%s", d)
	}
}

// merged returns results as one, with the text of objects and diagnostics.
func merged(t *rapid.T, results []compile.Result, found []diag.Diagnostic) (compile.Result, []string) {
	t.Helper()
	var all compile.Result
	for i := range results {
		r := &results[i]
		all.Tables = append(all.Tables, r.Tables...)
		all.SubsetRules = append(all.SubsetRules, r.SubsetRules...)
		all.Services = append(all.Services, r.Services...)
		all.Policies = append(all.Policies, r.Policies...)
	}
	slices.SortFunc(all.Tables, func(a, b route.Table) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(all.SubsetRules, func(a, b route.SubsetRule) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(all.Services, func(a, b compile.Service) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	slices.SortFunc(all.Policies, func(a, b compile.PolicyReport) int {
		return cmp.Or(strings.Compare(a.Namespace, b.Namespace), strings.Compare(a.Name, b.Name))
	})
	objects, _, err := istio.Objects(all.Tables, all.SubsetRules)
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, o := range objects {
		out = append(out, string(o.JSON))
	}
	for _, d := range diag.Sort(found) {
		line, err := json.Marshal(d)
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, string(line))
	}
	return all, out
}

// clusters draws the objects of two clusters, and the options of the first.
func clusters(t *rapid.T) (options model.Options, objects, other map[diag.Object]discover.Object) {
	t.Helper()
	snapshot := compiletest.Either().Draw(t, "snapshot")
	objects = cluster(t, string(compiletest.Manifests(snapshot)))
	other = cluster(t, string(compiletest.Manifests(compiletest.Either().Draw(t, "other snapshot"))))
	return snapshot.Options, objects, other
}

// order is the names of objects, in a random order.
func order(t *rapid.T, objects map[diag.Object]discover.Object) []diag.Object {
	names := make([]diag.Object, 0, len(objects))
	for name := range objects {
		names = append(names, name)
	}
	slices.SortFunc(names, diag.Object.Compare)
	return rapid.Permutation(names).Draw(t, "order")
}

// cluster reads manifests, and has pods and EndpointSlices made as controllers would.
func cluster(t *rapid.T, manifests string) map[diag.Object]discover.Object {
	t.Helper()
	out := map[diag.Object]discover.Object{}
	var services []*corev1.Service
	var workloads []*discover.Workload
	for doc := range strings.SplitSeq("\n"+manifests, "\n---") {
		data, err := yaml.YAMLToJSON([]byte(doc))
		if err != nil {
			continue // goldens have documents that can't be read
		}
		var head struct {
			Kind     string `json:"kind"`
			Metadata struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"metadata"`
		}
		if json.Unmarshal(data, &head) != nil {
			continue
		}
		parsed := discover.Parse(data, "default", diag.Origin{})
		object := parsed.Only()
		if object == nil || head.Metadata.Name == "" {
			continue
		}
		name := diag.Object{Kind: head.Kind, Namespace: object.GetNamespace(), Name: object.GetName()}
		switch x := object.(type) {
		case *corev1.Service:
			services = append(services, x)
		case *discover.Workload:
			x.Expires = rapid.SampledFrom([]string{"", "", "2026-11-30T12:30:00Z", "2026-11-30T13:00:00Z", "soon"}).Draw(t, "expires")
			workloads = append(workloads, x)
		case *discover.Pod:
			x.Ready = true
		}
		out[name] = object
	}
	run(t, out, services, workloads)
	return out
}

// run adds the pods of workloads, and the EndpointSlices of Services.
func run(t *rapid.T, to map[diag.Object]discover.Object, services []*corev1.Service, workloads []*discover.Workload) {
	hash := rapid.SampledFrom([]string{"5d4f8c7b9", "84cdf9d4bb"})
	for _, w := range workloads {
		if w.Template == nil || w.Owned {
			continue
		}
		for i := range rapid.IntRange(0, 2).Draw(t, "pods") {
			labels := map[string]string{}
			maps.Copy(labels, w.Template.All)
			owner := metav1.OwnerReference{APIVersion: "apps/v1", Kind: w.Kind, Name: w.Name, Controller: new(true)}
			if w.Kind == "Deployment" {
				labels["pod-template-hash"] = hash.Draw(t, "hash")
				owner.Kind, owner.Name = "ReplicaSet", w.Name+"-"+labels["pod-template-hash"]
			}
			pod := &corev1.Pod{
				ObjectMeta: metav1.ObjectMeta{Namespace: w.Namespace, Name: fmt.Sprintf("%s-%d", w.Name, i), Labels: labels, OwnerReferences: []metav1.OwnerReference{owner}},
			}
			if rapid.IntRange(0, 3).Draw(t, "sidecar") > 0 {
				pod.Annotations = map[string]string{"sidecar.istio.io/status": "{}"}
			}
			if rapid.IntRange(0, 7).Draw(t, "terminating") == 0 {
				pod.DeletionTimestamp = &metav1.Time{}
			}
			to[diag.Object{Kind: "Pod", Namespace: w.Namespace, Name: pod.Name}] = discover.TrimPod(pod)
		}
	}
	for _, s := range services {
		slice := &discoveryv1.EndpointSlice{ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name + "-x", Labels: map[string]string{discoveryv1.LabelServiceName: s.Name}}}
		for name, object := range to {
			pod, isPod := object.(*discover.Pod)
			if isPod && len(s.Spec.Selector) > 0 && name.Namespace == s.Namespace && model.HasLabels(pod.Labels.All, s.Spec.Selector) {
				slice.Endpoints = append(slice.Endpoints, discoveryv1.Endpoint{
					Conditions: discoveryv1.EndpointConditions{Ready: new(len(pod.Name)%5 > 0)}, TargetRef: &corev1.ObjectReference{Kind: "Pod", Name: pod.Name},
				})
			}
		}
		to[diag.Object{Kind: "EndpointSlice", Namespace: s.Namespace, Name: slice.Name}] = discover.TrimEndpointSlice(slice)
	}
}

// TestClaims: what may write an object of one name, and what has that name, are in one
// island, though nothing else ties them together. Few generated clusters have such names.
func TestClaims(t *testing.T) {
	t.Parallel()
	inputs := archives(t)
	for _, file := range []string{"adopt/hosts-names", "adopt/refused-name-taken", "rule/refused-name-taken"} {
		manifests := inputs["../compile/testdata/"+file+".txtar"]
		if manifests == "" {
			t.Fatalf("there is no archive %s", file)
		}
		rapid.Check(t, func(t *rapid.T) {
			objects := cluster(t, manifests)
			m := newWorld(model.DefaultOptions())
			for _, name := range order(t, objects) {
				m.put(name, objects[name])
			}
			m.update(t)
		})
	}
}
