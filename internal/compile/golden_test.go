package compile_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

var update = flag.Bool("update", false, "rewrite the want.* sections of testdata")

// corpus holds real applications' manifests; a checkout may come without it.
const corpus = "../../../shared/corpus"

// TestGolden compiles each testdata archive. Its sections:
//
//	*.yaml        manifests, given in the order of the archive; cluster.yaml is
//	              what a cluster answers
//	now           the time, in RFC 3339; without it, nothing expires
//	options       model.Options that differ from the defaults, as YAML
//	corpus        paths of more manifests below the corpus, one a line
//	requests      requests to evaluate, one a line (see parseRequest)
//	want.yaml     the objects made
//	want.diag     the diagnostics
//	want.routes   which route each request takes, and where it leads
func TestGolden(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/*/*.txtar", testArchive)
}

func testArchive(t *testing.T, file string, archive *txtar.Archive) {
	t.Helper()
	in := input{options: model.DefaultOptions()}
	want := map[string]string{}
	for _, f := range archive.Files {
		switch data := string(f.Data); {
		case strings.HasPrefix(f.Name, "want."):
			want[f.Name] = data
		case f.Name == "requests":
			in.requests = data
		case f.Name == "now":
			now, err := time.Parse(time.RFC3339, strings.TrimSpace(data))
			if err != nil {
				t.Fatal(err)
			}
			in.now = now
		case f.Name == "options":
			if err := yaml.Unmarshal(f.Data, &in.options); err != nil {
				t.Fatal(err)
			}
		case f.Name == "corpus":
			for path := range strings.FieldsSeq(data) {
				in.add(t, path, readCorpus(t, path))
			}
		case strings.HasSuffix(f.Name, ".yaml"):
			in.cluster = in.cluster || f.Name == "cluster.yaml"
			in.add(t, f.Name, data)
		default:
			t.Fatalf("section %s: nothing reads it", f.Name)
		}
	}
	got := in.run(t)
	if *update {
		rewrite(t, file, archive, got)
		return
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("run with -update to accept (-want +got):\n%s", d)
	}
	for seed := range uint64(3) {
		rand.New(rand.NewPCG(seed, 0)).Shuffle(len(in.documents), func(i, j int) {
			in.documents[i], in.documents[j] = in.documents[j], in.documents[i]
		})
		shuffled := in.run(t)
		if strings.Contains(got["want.diag"], string(diag.DuplicateObject)) {
			shuffled["want.diag"] = got["want.diag"] // of two, it names the later
		}
		if d := cmp.Diff(got, shuffled); d != "" {
			t.Errorf("the order of the input matters:\n%s", d)
		}
	}
}

// input is what an archive gives.
type input struct {
	documents []document
	cluster   bool
	now       time.Time
	options   model.Options
	requests  string
}

type document struct {
	origin diag.Origin
	json   []byte
}

func readCorpus(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(corpus, path))
	if os.IsNotExist(err) {
		t.Skipf("no corpus in this checkout: %s", path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

func (in *input) add(t *testing.T, file, data string) {
	t.Helper()
	for i, text := range strings.Split("\n"+data, "\n---") {
		_, text, _ = strings.Cut(text, "\n")
		object, err := yaml.YAMLToJSON([]byte("\n" + text))
		if err != nil {
			t.Fatalf("%s: document %d: %v", file, i+1, err)
		}
		if string(object) != "null" {
			in.documents = append(in.documents, document{diag.Origin{File: filepath.Base(file)}, object})
		}
	}
}

func (in *input) run(t *testing.T) map[string]string {
	t.Helper()
	objects := discover.Objects{Cluster: in.cluster}
	var diags []diag.Diagnostic
	for _, d := range in.documents {
		diags = append(diags, objects.Decode(d.json, "default", d.origin)...)
	}
	snapshot, found := objects.Snapshot(in.options)
	diags = append(diags, found...)
	snapshot.Now = in.now
	result := compile.Compile(snapshot)
	made, limits, err := istio.Objects(result.Tables, result.SubsetRules)
	if err != nil {
		t.Fatal(err)
	}
	var printed []string
	for _, o := range made {
		data, err := o.YAML()
		if err != nil {
			t.Fatal(err)
		}
		printed = append(printed, string(data))
	}
	got := map[string]string{"want.yaml": strings.Join(printed, "---\n")}
	var said strings.Builder
	for _, d := range diag.Sort(slices.Concat(diags, result.Diagnostics, limits)) {
		fmt.Fprintln(&said, d)
	}
	got["want.diag"] = said.String()
	if in.requests != "" {
		got["want.routes"] = evaluate(t, &result, in.requests)
	}
	return got
}

// evaluate answers each request with the route that it takes.
func evaluate(t *testing.T, result *compile.Result, requests string) string {
	t.Helper()
	var out strings.Builder
	for line := range strings.Lines(requests) {
		line = strings.TrimSpace(line)
		host, request := parseRequest(t, line)
		fmt.Fprintf(&out, "%s\n    %s\n", line, answer(result, host, request))
	}
	return out.String()
}

func answer(result *compile.Result, host string, request *route.Request) string {
	for i := range result.Tables {
		table := &result.Tables[i]
		if !slices.ContainsFunc(table.Hosts, func(h string) bool { return h == host || strings.HasPrefix(h, host+".") }) {
			continue
		}
		d := route.Evaluate(table, request)
		if d.Route < 0 {
			return "404"
		}
		taken := table.Routes[d.Route]
		var to []string
		for _, d := range taken.Destinations {
			s, _, _ := strings.Cut(d.Host, ".svc.")
			if d.Subset != "" {
				s += "|" + d.Subset
			}
			if d.Weight != 0 {
				s += fmt.Sprintf(" ×%d", d.Weight)
			}
			to = append(to, s)
		}
		if taken.Response != nil {
			to = append(to, fmt.Sprint(taken.Response.Status))
		}
		if len(to) == 0 {
			to = []string{"answered by the user's route"}
		}
		return fmt.Sprintf("%s -> %s", taken.Name, strings.Join(to, ", "))
	}
	return "no table"
}

// parseRequest reads "HOST METHOD PATH [| name: value]…", where the names
// "from" (a value of the app label), "in" (a namespace) and "port" describe the
// caller instead of a header.
func parseRequest(t *testing.T, line string) (string, *route.Request) {
	t.Helper()
	parts := strings.Split(line, "|")
	head := strings.Fields(parts[0])
	if len(head) != 3 {
		t.Fatalf("request %q: want HOST METHOD PATH", line)
	}
	request := &route.Request{Method: head[1], Path: head[2], Scheme: "http", Authority: head[0], Header: map[string][]string{}}
	request.Caller.Namespace = "default"
	for _, part := range parts[1:] {
		name, value, _ := strings.Cut(strings.TrimSpace(part), ":")
		value = strings.TrimSpace(value)
		switch name {
		case "from":
			request.Caller.Labels = map[string]string{"app": value}
		case "in":
			request.Caller.Namespace = value
		case "port":
			if _, err := fmt.Sscan(value, &request.Port); err != nil {
				t.Fatalf("request %q: port: %v", line, err)
			}
		default:
			request.Header[name] = append(request.Header[name], value)
		}
	}
	return head[0], request
}

func rewrite(t *testing.T, file string, archive *txtar.Archive, got map[string]string) {
	t.Helper()
	archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return strings.HasPrefix(f.Name, "want.") })
	for _, name := range []string{"want.routes", "want.diag", "want.yaml"} {
		if data, ok := got[name]; ok {
			archive.Files = append(archive.Files, txtar.File{Name: name, Data: []byte(data)})
		}
	}
	if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
		t.Fatal(err)
	}
}
