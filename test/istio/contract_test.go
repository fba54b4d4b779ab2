package istio_test

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove/provetest"
	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/test/istio/oracle"
	"github.com/overrides-mesh/overrides/test/istio/same"
	"github.com/overrides-mesh/overrides/test/istio/validate"
)

// world is one generated cluster: with only its users' objects, and with those that
// Overrides adds at each age, all as the real Istio interprets them.
type world struct {
	*cluster
	before *oracle.Mesh
	after  []*oracle.Mesh
	pinned same.Pin
	// revision is the revision of the istiod that translates.
	revision string
	// hosts are the possible hosts of requests, Services first.
	hosts []string
}

// TestContractInIstio checks the contract in the configuration that the real
// istiod makes from the output of Overrides, for generated clusters with generated
// users' objects, at any age of the output:
//   - all output passes Istio's validation;
//   - for an ordinary request nothing differs except the pin;
//   - if one reaches pods of a version that is not released, a warning is about
//     their Service, or names it;
//   - no request is sent to a missing cluster, unless it was before;
//   - every request takes the route that Evaluate returns.
func TestContractInIstio(t *testing.T) {
	check(t, func(t *rapid.T) {
		w := drawWorld(t)
		report, err := validate.Objects(w.made)
		if err != nil {
			t.Fatal(err)
		}
		if len(report.Errors) > 0 {
			t.Fatalf("Istio rejects the output: %v\n%s", report.Errors, w.made)
		}
		if len(w.result.Tables) == 0 {
			return
		}
		options := w.options(t)
		w.revision = options.Revision
		if w.before, w.after, err = w.load(options); err != nil {
			t.Fatal(err)
		}
		defer closeAll(w.before, w.after)
		for range 6 {
			w.checkOrdinary(t)
		}
		for i := range w.result.Tables {
			for range 3 {
				w.checkTable(t, &w.result.Tables[i])
			}
		}
	})
}

// TestFaultsInIstio plants faults into the compiled result: the proof stops everything
// that changes an ordinary request in istiod's own configuration.
func TestFaultsInIstio(t *testing.T) {
	planted := map[string]int{}
	check(t, func(t *rapid.T) {
		fault := rapid.SampledFrom(provetest.Faults()).Draw(t, "fault")
		w := drawWorldWith(t, fault.Plant)
		if !w.planted || len(w.result.Tables)+len(w.result.SubsetRules) == 0 {
			return
		}
		planted[fault.Name]++
		options := w.options(t)
		w.revision = options.Revision
		var err error
		if w.before, w.after, err = w.load(options); err != nil {
			t.Fatal(err)
		}
		defer closeAll(w.before, w.after)
		for range 6 {
			w.checkOrdinary(t)
		}
	})
	if len(planted) < minFaults {
		t.Errorf("only %v were planted where something was made all the same", planted)
	}
}

// minFaults is the minimal number of different faults planted in meshes with remaining
// output.
const minFaults = 5

func drawWorld(t *rapid.T) *world {
	return drawWorldWith(t, func(*compile.Result) bool { return true })
}

func drawWorldWith(t *rapid.T, plant func(*compile.Result) bool) *world {
	return drawWorldOf(t, compiletest.Snapshot(), plant)
}

func drawWorldOf(t *rapid.T, clusters *rapid.Generator[*model.Snapshot], plant func(*compile.Result) bool) *world {
	generated := clusters.Draw(t, "snapshot")
	c, err := readWith(t.Context(), compiletest.Manifests(generated), plant)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range c.diags {
		if slices.Contains([]diag.Code{diag.BrokenDocument, diag.NotAnObject, diag.UndecodableObject}, d.Code) {
			t.Fatalf("the generator made a wrong object: %v", d)
		}
	}
	w := &world{cluster: c, pinned: c.pin()}
	for _, s := range c.snapshot.Services {
		w.hosts = append(w.hosts, s.Name+"."+s.Namespace+".svc.cluster.local")
	}
	return w
}

// options draws the istiod that translates, and the ages of objects without one.
func (c *cluster) options(t *rapid.T) oracle.Options {
	revisions, err := oracle.Revisions(c.users)
	if err != nil {
		t.Fatal(err)
	}
	return oracle.Options{
		Revision: rapid.SampledFrom(revisions).Draw(t, "revision"),
		Reverse:  rapid.Bool().Draw(t, "reverse"),
	}
}

// checkOrdinary sends a request without an override to any Service, by any of its names
// or by a name of no Service.
func (w *world) checkOrdinary(t *rapid.T) {
	request := compiletest.Request(false).Draw(t, "ordinary")
	asked := oracle.Request{
		To: rapid.SampledFrom(w.hosts).Draw(t, "to"), Port: request.Port,
		Method: request.Method, Scheme: request.Scheme, Path: request.Path, Header: request.Header,
	}
	name, rest, _ := strings.Cut(asked.To, ".")
	namespace, _, _ := strings.Cut(rest, ".")
	asked.Authority = rapid.SampledFrom([]string{
		asked.To, name, name + "." + namespace, request.Authority, request.Authority,
	}).Draw(t, "authority")
	from := oracle.Proxy{Namespace: request.Caller.Namespace, Labels: request.Caller.Labels}
	if !w.reaches(from.Namespace) {
		return
	}
	before, beforeErr := w.before.Send(from, asked)
	for i, a := range w.ages() {
		after, err := w.after[i].Send(from, asked)
		if fmt.Sprint(err) != fmt.Sprint(beforeErr) {
			w.fail(t, fmt.Sprintf("%s: %v, was %v", a.name, err, beforeErr))
		}
		if found := same.Differences(before, after, w.pinned); len(found) > 0 && !w.allowed(found) {
			w.fail(t, fmt.Sprintf("from %+v: %+v\nbefore %v\nafter  %v\nours are %s\n%s", from, asked, before, after, a.name, strings.Join(found, "\n")))
		}
		for _, pod := range w.unreleased(after) {
			if !w.warnsOf(pod) {
				w.fail(t, fmt.Sprintf("from %+v: %+v\nbefore %v\nafter  %v\nours are %s\nreaches %s, and no warning says so", from, asked, before, after, a.name, pod))
			}
		}
	}
}

// unreleased lists the pods that may get a request, or a copy of it, and that run no
// released version of a Service with explicitly released versions. It ignores hosts
// outside the mesh, and calls to an isolated version's own Service, which are intended.
func (w *world) unreleased(a oracle.Answer) []string {
	var out []string
	for _, d := range slices.Concat(a.Destinations, a.Mirrors) {
		for i := range w.snapshot.Services {
			s := &w.snapshot.Services[i]
			if a.Name == "passthrough" || d.Host != s.Name+"."+s.Namespace+".svc.cluster.local" || len(s.Settings.ReleasedVersions) == 0 || s.VersionOf != "" {
				continue
			}
			for _, b := range s.Backends {
				if version := b.Labels["version"]; slices.Contains(d.Pods, b.Workload.Name) && version != "" && !slices.Contains(s.Settings.ReleasedVersions, version) {
					out = append(out, b.Workload.Name)
				}
			}
		}
	}
	return out
}

// reaches reports whether a namespace may have proxies of w's revision.
func (w *world) reaches(namespace string) bool {
	own, known := w.snapshot.Revisions[namespace]
	return !known || own == w.revision
}

// allowed reports whether a diagnostic covers found.
func (c *cluster) allowed(found []string) bool {
	says := func(code diag.Code) bool {
		return slices.ContainsFunc(c.diags, func(d diag.Diagnostic) bool { return d.Code == code })
	}
	return !slices.ContainsFunc(found, func(text string) bool {
		if _, were, none := strings.Cut(text, same.NoPod); none {
			return !says(diag.ReleasedGone) || !c.previews(strings.Fields(strings.Trim(were, "[]")))
		}
		return !strings.HasPrefix(text, same.LostAffinity) || !says(diag.AffinityLost)
	})
}

// previews reports whether pods are labelled as previews, which must not get ordinary
// requests even if no other pods are left.
func (c *cluster) previews(pods []string) bool {
	return !slices.ContainsFunc(pods, func(pod string) bool {
		return !slices.ContainsFunc(c.snapshot.Services, func(s model.Service) bool {
			return slices.ContainsFunc(s.Backends, func(b model.Backend) bool {
				return b.Workload.Name == pod && b.Labels[compile.PreviewLabel] == "true"
			})
		})
	})
}

// warnsOf reports whether a warning is about a Service of a pod, or names it.
func (c *cluster) warnsOf(pod string) bool {
	return slices.ContainsFunc(c.snapshot.Services, func(s model.Service) bool {
		has := slices.ContainsFunc(s.Backends, func(b model.Backend) bool { return b.Workload.Name == pod }) ||
			slices.ContainsFunc(s.Unread, func(u model.Unread) bool { return u.Object.Name == pod })
		return has &&
			slices.ContainsFunc(c.diags, func(d diag.Diagnostic) bool {
				return d.Severity >= diag.Warning && (d.Object == s.Object() || strings.Contains(d.Message, s.Name+"."+s.Namespace))
			})
	})
}

// checkTable sends any request to a host of table.
func (w *world) checkTable(t *rapid.T, table *route.Table) {
	request := compiletest.Request(rapid.Bool().Draw(t, "carriers")).Draw(t, "request")
	host := table.Hosts[0]
	if !w.carriesHTTP(host, request.Port) {
		return // no Service to connect to
	}
	request.Authority = host
	asked := oracle.Request{
		To: host, Port: request.Port, Method: request.Method, Scheme: request.Scheme,
		Authority: host, Path: request.Path, Header: request.Header,
	}
	from := oracle.Proxy{Namespace: request.Caller.Namespace, Labels: request.Caller.Labels}
	if !w.reaches(from.Namespace) {
		return
	}
	before, err := w.before.Send(from, asked)
	if err != nil {
		t.Fatalf("%+v: before: %v", asked, err)
	}
	for i, a := range w.ages() {
		after, err := w.after[i].Send(from, asked)
		if err != nil {
			t.Fatalf("%+v: after: %v", asked, err)
		}
		context := fmt.Sprintf("from %+v: %+v\nbefore %v\nafter  %v\nours are %s\n", from, asked, before, after, a.name)
		w.checkClusters(t, context, before, after)
		// TestModel compares with istiod whether the table is in force for a caller.
		if after.VirtualService() == table.Namespace+"/"+table.Name {
			w.compareEvaluate(t, context, table, request, after)
		}
	}
}

func (w *world) carriesHTTP(host string, port uint32) bool {
	i := slices.Index(w.hosts, host)
	return i >= 0 && slices.ContainsFunc(w.snapshot.Services[i].Ports, func(p model.Port) bool { return p.HTTP && p.Number == port })
}

// checkClusters: every cluster that a request is sent to exists, unless it was missing
// before, or all were.
func (w *world) checkClusters(t *rapid.T, context string, before, after oracle.Answer) {
	if len(before.Destinations) > 0 && !slices.ContainsFunc(before.Destinations, func(d oracle.Destination) bool { return !d.Missing }) {
		return
	}
	for _, d := range after.Destinations {
		if d.Missing && !slices.ContainsFunc(before.Destinations, func(b oracle.Destination) bool { return b.Missing && b.Host == d.Host && b.Port == d.Port }) {
			w.fail(t, context+"sent to a missing cluster: "+d.Cluster)
		}
	}
}

// compareEvaluate: Evaluate returns the route that istiod's configuration takes.
func (w *world) compareEvaluate(t *rapid.T, context string, table *route.Table, request *route.Request, after oracle.Answer) {
	decision := route.Evaluate(table, request)
	if decision.Route < 0 {
		w.fail(t, context+"Evaluate finds no route")
	}
	taken := table.Routes[decision.Route]
	// istiod adds the name of the match, if it has one.
	if !slices.ContainsFunc(taken.Matches, func(m route.Match) bool { return after.Name == taken.Name+"."+m.Name }) && after.Name != taken.Name {
		w.fail(t, context+"Evaluate takes "+taken.Name)
	}
	if taken.Kind == route.Override {
		w.checkPods(t, context, taken, after)
	}
}

// checkPods: an override reaches pods of its version and no others, as far as Overrides
// reads them.
func (w *world) checkPods(t *rapid.T, context string, taken route.Route, after oracle.Answer) {
	for _, d := range after.Destinations {
		if len(d.Pods) == 0 && !d.Missing { // a missing cluster was looked at before
			w.fail(t, context+"an override reaches no pod")
		}
		for _, pod := range d.Pods {
			labels, known := w.labelsOf(taken.Version.Namespace, pod)
			if !known {
				continue // no workload that is read: of what version it is was said for its Service
			}
			if labels["version"] != taken.Version.Version {
				w.fail(t, context+fmt.Sprintf("%s reaches pod %s, which is %v", taken.Name, pod, labels))
			}
		}
	}
}

// labelsOf returns the labels of a workload's pod.
func (w *world) labelsOf(namespace, pod string) (map[string]string, bool) {
	for _, s := range w.snapshot.Services {
		for _, b := range s.Backends {
			if s.Namespace == namespace && b.Workload.Name == pod {
				return b.Labels, true
			}
		}
	}
	return nil, false
}

func (w *world) fail(t *rapid.T, message string) {
	if dir := os.Getenv("OVERRIDES_KEEP"); dir != "" {
		_ = os.WriteFile(dir+"/users.yaml", w.users, 0o600)
		_ = os.WriteFile(dir+"/made.yaml", w.made, 0o600)
	}
	t.Fatal(message)
}
