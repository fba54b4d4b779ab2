package prove_test

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
	istioapi "istio.io/api/networking/v1alpha3"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
	"github.com/overrides-mesh/overrides/internal/route"
)

var update = flag.Bool("update", false, "rewrite the want.txt of testdata")

// TestTables proves what each testdata archive says is made. Its sections:
//
//	input.yaml   what users made
//	unreleased   pods that ordinary requests are kept from: HOST WORKLOAD LABEL=VALUE
//	right*.yaml  what passes: VirtualServices as tables, and DestinationRules
//	wrong*.yaml  what does not
//	want.txt     what the proof says of each that is wrong, and of pins in right ones
func TestTables(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			testTables(t, file)
		})
	}
}

func testTables(t *testing.T, file string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	snapshot := &model.Snapshot{}
	var services []compile.Service
	var want string
	var got strings.Builder
	for _, f := range archive.Files {
		switch {
		case f.Name == "input.yaml":
			snapshot = readSnapshot(t, string(f.Data))
		case f.Name == "unreleased":
			services = readUnreleased(string(f.Data))
		case f.Name == "want.txt":
			want = string(f.Data)
		case strings.HasPrefix(f.Name, "right"), strings.HasPrefix(f.Name, "wrong"):
			result := compile.Result{Services: services}
			result.Tables, result.SubsetRules = readMade(readSnapshot(t, string(f.Data)))
			report := prove.Check(snapshot, &result)
			if passes := len(report.Failures) == 0; passes != strings.HasPrefix(f.Name, "right") {
				t.Errorf("%s: %v", f.Name, report.Failures)
			}
			fmt.Fprintln(&got, f.Name)
			for _, line := range said(report) {
				fmt.Fprintln(&got, "    "+line)
			}
		default:
			t.Fatalf("section %s: nothing reads it", f.Name)
		}
	}
	if *update {
		archive.Files = slices.DeleteFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want.txt" })
		archive.Files = append(archive.Files, txtar.File{Name: "want.txt", Data: []byte(got.String())})
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(want, got.String()); d != "" {
		t.Errorf("run with -update to accept (-want +got):\n%s", d)
	}
}

// said lists what a report has to say, each once for all callers and names.
func said(report prove.Report) []string {
	var out []string
	for _, f := range report.Failures {
		if line := f.Object.String() + ": " + f.Change; !slices.Contains(out, line) {
			out = append(out, line)
		}
	}
	for _, s := range report.Split {
		out = append(out, "split: "+s.Host+" "+s.Rule)
	}
	return out
}

func readSnapshot(t *testing.T, text string) *model.Snapshot {
	t.Helper()
	objects := discover.Objects{}
	for i, document := range strings.Split("\n"+text, "\n---") {
		_, document, _ = strings.Cut(document, "\n")
		object, err := yaml.YAMLToJSON([]byte(document))
		if err != nil {
			t.Fatalf("document %d: %v", i+1, err)
		}
		if string(object) != "null" {
			objects.Decode(object, "default", diag.Origin{})
		}
	}
	snapshot, _ := objects.Snapshot(model.DefaultOptions())
	return snapshot
}

func readUnreleased(text string) []compile.Service {
	var out []compile.Service
	for line := range strings.Lines(text) {
		words := strings.Fields(line)
		kind, name, _ := strings.Cut(words[1], "/")
		b := model.Backend{Workload: model.Workload{Kind: kind, Name: name}, Labels: map[string]string{}, Pods: 1, Ready: 1}
		for _, pair := range words[2:] {
			key, value, _ := strings.Cut(pair, "=")
			b.Labels[key] = value
		}
		out = append(out, compile.Service{Host: words[0], Unreleased: []model.Backend{b}})
	}
	return out
}

// readMade returns objects as what Overrides makes.
func readMade(s *model.Snapshot) ([]route.Table, []route.SubsetRule) {
	var tables []route.Table
	for i := range s.VirtualServices {
		v := &s.VirtualServices[i]
		table := route.Table{
			Namespace: v.Namespace, Name: v.Name, Hosts: v.Spec.GetHosts(), ExportTo: v.Spec.GetExportTo(), Revision: v.Revision,
		}
		for _, h := range v.Spec.GetHttp() {
			table.Routes = append(table.Routes, readRow(h))
		}
		tables = append(tables, table)
	}
	var rules []route.SubsetRule
	for i := range s.DestinationRules {
		d := &s.DestinationRules[i]
		rule := route.SubsetRule{
			Namespace: d.Namespace, Name: d.Name, Host: d.Spec.GetHost(), ExportTo: d.Spec.GetExportTo(), Revision: d.Revision, Policy: d.Spec.GetTrafficPolicy(),
		}
		for _, sub := range d.Spec.GetSubsets() {
			rule.Subsets = append(rule.Subsets, route.Subset{Name: sub.GetName(), Labels: sub.GetLabels(), Policy: sub.GetTrafficPolicy()})
		}
		rules = append(rules, rule)
	}
	return tables, rules
}

// readRow returns a route as a row; one named unavailable is an answer of ours.
func readRow(h *istioapi.HTTPRoute) route.Route {
	row := route.Route{Name: h.GetName(), Base: h}
	if h.GetName() == "unavailable" {
		row.Base, row.Response = nil, &route.Response{Status: h.GetDirectResponse().GetStatus()}
	}
	for _, m := range h.GetMatch() {
		match := route.Match{
			Headers: readStrings(m.GetHeaders()), WithoutHeaders: readStrings(m.GetWithoutHeaders()), QueryParams: readStrings(m.GetQueryParams()),
			SourceLabels: m.GetSourceLabels(), SourceNamespace: m.GetSourceNamespace(), Port: m.GetPort(), IgnoreURICase: m.GetIgnoreUriCase(),
		}
		for in, out := range map[*istioapi.StringMatch]**route.StringMatch{m.GetUri(): &match.URI, m.GetMethod(): &match.Method, m.GetAuthority(): &match.Authority, m.GetScheme(): &match.Scheme} {
			if in != nil {
				s := readString(in)
				*out = &s
			}
		}
		row.Matches = append(row.Matches, match)
	}
	for _, d := range h.GetRoute() {
		to := d.GetDestination()
		row.Destinations = append(row.Destinations, route.Destination{
			Host: to.GetHost(), Subset: to.GetSubset(), Port: to.GetPort().GetNumber(), Weight: d.GetWeight(), Headers: d.GetHeaders(),
		})
	}
	return row
}

func readStrings(in map[string]*istioapi.StringMatch) map[string]route.StringMatch {
	out := map[string]route.StringMatch{}
	for name, s := range in {
		out[name] = readString(s)
	}
	return out
}

func readString(in *istioapi.StringMatch) route.StringMatch {
	switch m := in.GetMatchType().(type) {
	case *istioapi.StringMatch_Exact:
		return route.StringMatch{Op: route.Exact, Value: m.Exact}
	case *istioapi.StringMatch_Prefix:
		return route.StringMatch{Op: route.Prefix, Value: m.Prefix}
	case *istioapi.StringMatch_Regex:
		return route.StringMatch{Op: route.Regex, Value: m.Regex}
	}
	return route.StringMatch{Op: route.Present}
}
