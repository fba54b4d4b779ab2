package istio_test

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/test/istio/manifest"
	"github.com/overrides-mesh/overrides/test/istio/oracle"
	"github.com/overrides-mesh/overrides/test/istio/validate"
)

// world is one generated cluster: as its users made it, and with what Overrides
// adds, both as the real Istio understands them.
type world struct {
	manifests []byte
	made      []byte
	result    compile.Result
	before    *oracle.Mesh
	after     *oracle.Mesh
	// labels are those of the pods of each workload, by "namespace/name".
	labels map[string]map[string]string
	// http lists the ports of each host that carry HTTP.
	http map[string][]uint32
}

func generate(t *rapid.T) *world {
	w := &world{manifests: compiletest.Manifests(compiletest.Snapshot(compiletest.Plain).Draw(t, "snapshot")), labels: map[string]map[string]string{}, http: map[string][]uint32{}}
	objects, err := manifest.Split(w.manifests)
	if err != nil {
		t.Fatal(err)
	}
	var input discover.Objects
	for _, o := range objects {
		data, err := yaml.YAMLToJSON(o.YAML)
		if err != nil {
			t.Fatal(err)
		}
		for _, d := range input.Decode(data, "default", diag.Origin{}) {
			t.Fatalf("the generator made a wrong object: %v\n%s", d, o.YAML)
		}
	}
	for _, d := range input.Workloads {
		if d.Kind == "Deployment" {
			w.labels[d.Namespace+"/"+d.Name] = d.Template.All
		}
	}
	snapshot, diags := input.Snapshot(model.DefaultOptions())
	for _, d := range diags {
		t.Fatalf("the generator made a wrong object: %v", d)
	}
	for _, s := range snapshot.Services {
		host := s.Name + "." + s.Namespace + ".svc.cluster.local"
		for _, p := range s.Ports {
			if p.HTTP {
				w.http[host] = append(w.http[host], p.Number)
			}
		}
	}
	w.result = compile.Compile(snapshot)
	made, _, err := istio.Objects(w.result.Tables, w.result.SubsetRules)
	if err != nil {
		t.Fatal(err)
	}
	for _, o := range made {
		data, err := o.YAML()
		if err != nil {
			t.Fatal(err)
		}
		// Ours is the younger: Istio looks at ages.
		data = []byte(strings.Replace(string(data), "metadata:\n", "metadata:\n  creationTimestamp: \"2030-01-01T00:00:00Z\"\n", 1))
		w.made = append(append(w.made, "---\n"...), data...)
	}
	return w
}

func (w *world) load(t *rapid.T) {
	var err error
	if w.before, err = oracle.Load(w.manifests, oracle.Options{}); err != nil {
		t.Fatal(err)
	}
	if w.after, err = oracle.Load(slices.Concat(w.manifests, w.made), oracle.Options{}); err != nil {
		t.Fatal(err)
	}
}

func (w *world) close() {
	w.before.Close()
	w.after.Close()
}

// TestContractInIstio holds the contract in the configuration that the real
// istiod makes of what Overrides made, for generated clusters with generated
// VirtualServices and DestinationRules in them:
//   - everything made passes Istio's validation;
//   - an ordinary request goes where it went before, but for the pin;
//   - no request is sent to a cluster that is not there, where it was not before;
//   - the route taken is the one that Evaluate says, for every request.
func TestContractInIstio(t *testing.T) {
	if testing.Short() {
		t.Skip("many meshes to translate")
	}
	rapid.Check(t, func(t *rapid.T) {
		w := generate(t)
		report, err := validate.Objects(w.made)
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Errors) > 0 {
			t.Fatalf("Istio refuses what was made: %v\n%s", report.Errors, w.made)
		}
		if len(w.result.Tables) == 0 {
			return
		}
		w.load(t)
		defer w.close()
		for i := range w.result.Tables {
			table := &w.result.Tables[i]
			for range 6 {
				w.checkRequest(t, table)
			}
		}
	})
}

func (w *world) checkRequest(t *rapid.T, table *route.Table) {
	carriers := rapid.Bool().Draw(t, "carriers")
	request := compiletest.Request(carriers, compiletest.Plain).Draw(t, "request")
	host := table.Hosts[0]
	if !strings.HasSuffix(host, ".svc.cluster.local") || strings.HasPrefix(host, "*") {
		return // no Service to connect to
	}
	s := w.service(host)
	if s == nil || s.State != compile.Managed || !slices.Contains(w.http[host], request.Port) {
		return
	}
	request.Authority = host
	asked := oracle.Request{
		To: host, Port: request.Port, Method: request.Method, Scheme: request.Scheme,
		Authority: host, Path: request.Path, Header: request.Header,
	}
	from := oracle.Proxy{Namespace: request.Caller.Namespace, Labels: request.Caller.Labels}
	before, err := w.before.Send(from, asked)
	if err != nil {
		t.Fatalf("%+v: before: %v", asked, err)
	}
	after, err := w.after.Send(from, asked)
	if err != nil {
		t.Fatalf("%+v: after: %v", asked, err)
	}
	context := fmt.Sprintf("from %+v: %+v\nbefore %v\nafter  %v\n", from, asked, before, after)
	for _, d := range after.Destinations {
		if d.Missing && !slices.ContainsFunc(before.Destinations, func(b oracle.Destination) bool { return b.Missing && b.Host == d.Host && b.Port == d.Port }) {
			w.fail(t, context+"sent to a cluster that is not there: "+d.Cluster)
		}
	}
	if !carriers || !carries(request) {
		w.compareOrdinary(t, context, before, after)
	}
	if table.ExportTo == nil || slices.Contains(table.ExportTo, from.Namespace) {
		w.compareEvaluate(t, context, table, request, after)
	}
}

func carries(r *route.Request) bool {
	return r.Header["x-override"] != nil || strings.Contains(strings.Join(r.Header["baggage"], ","), "override.")
}

// compareOrdinary: the same answer, the same hosts in the same shares, and of
// the pods none but released ones where there is a pin, else the same.
func (w *world) compareOrdinary(t *rapid.T, context string, before, after oracle.Answer) {
	if before.Status != after.Status || before.Location != after.Location || before.Body != after.Body {
		w.fail(t, context+"the answer differs")
	}
	shareOf := func(a oracle.Answer) (map[string]float64, map[string][]string) {
		shares, pods, sum := map[string]float64{}, map[string][]string{}, 0.0
		for _, d := range a.Destinations {
			key := fmt.Sprint(d.Host, ":", d.Port)
			if s := w.service(d.Host); s == nil || s.State != compile.Managed {
				key += "|" + d.Subset
			}
			shares[key] += float64(d.Weight)
			sum += float64(d.Weight)
			pods[key] = append(pods[key], d.Pods...)
		}
		for key := range shares {
			shares[key] /= sum
		}
		return shares, pods
	}
	mine, minePods := shareOf(after)
	theirs, theirPods := shareOf(before)
	if !maps.EqualFunc(mine, theirs, func(a, b float64) bool { return a-b < 1e-6 && b-a < 1e-6 }) {
		w.fail(t, context+fmt.Sprintf("the shares differ: %v, were %v", mine, theirs))
	}
	for key, pods := range minePods {
		for _, pod := range pods {
			if !slices.Contains(theirPods[key], pod) {
				w.fail(t, context+"ordinary traffic reaches pod "+pod+", which it did not before")
			}
		}
	}
}

// compareEvaluate: Evaluate says which route istiod's configuration takes.
func (w *world) compareEvaluate(t *rapid.T, context string, table *route.Table, request *route.Request, after oracle.Answer) {
	decision := route.Evaluate(table, request)
	if decision.Route < 0 {
		// Istio passes over a VirtualService that has no route at all for a proxy.
		if after.Index >= 0 && after.Name != "default" {
			w.fail(t, context+"Evaluate finds no route")
		}
		return
	}
	taken := table.Routes[decision.Route]
	if name, _, _ := strings.Cut(after.Name, "."); after.Name != taken.Name && name != taken.Name {
		w.fail(t, context+"Evaluate takes "+taken.Name)
	}
	if taken.Kind == route.Override {
		w.checkPods(t, context, taken, after)
	}
}

// checkPods: an override reaches pods of the version and no others.
func (w *world) checkPods(t *rapid.T, context string, taken route.Route, after oracle.Answer) {
	for _, d := range after.Destinations {
		if len(d.Pods) == 0 && !d.Missing { // a missing cluster was looked at before
			w.fail(t, context+"an override reaches no pod")
		}
		for _, pod := range d.Pods {
			if labels := w.labelsOf(taken.Version.Namespace, pod); labels["version"] != taken.Version.Version {
				w.fail(t, context+fmt.Sprintf("%s reaches pod %s, which is %v", taken.Name, pod, labels))
			}
		}
	}
}

func (w *world) labelsOf(namespace, pod string) map[string]string {
	best := ""
	for key := range w.labels {
		if name, ok := strings.CutPrefix(key, namespace+"/"); ok && strings.HasPrefix(pod, name) && len(key) > len(best) {
			best = key
		}
	}
	return w.labels[best]
}

func (w *world) service(host string) *compile.Service {
	for i := range w.result.Services {
		if w.result.Services[i].Host == host {
			return &w.result.Services[i]
		}
	}
	return nil
}

func (w *world) fail(t *rapid.T, message string) {
	if dir := os.Getenv("OVERRIDES_KEEP"); dir != "" {
		_ = os.WriteFile(dir+"/users.yaml", w.manifests, 0o600)
		_ = os.WriteFile(dir+"/made.yaml", w.made, 0o600)
	}
	t.Fatal(message)
}
