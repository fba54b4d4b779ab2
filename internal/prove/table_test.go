package prove_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
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
	archivetest.Each(t, "testdata/*.txtar", testTables)
}

func testTables(t *testing.T, file string, archive *txtar.Archive) {
	t.Helper()
	snapshot := &model.Snapshot{}
	var services []compile.Service
	var got strings.Builder
	for _, f := range archive.Files {
		switch {
		case f.Name == "input.yaml":
			snapshot = archivetest.Snapshot(t, string(f.Data))
		case f.Name == "unreleased":
			services = readUnreleased(string(f.Data))
		case f.Name == "want.txt":
		case strings.HasPrefix(f.Name, "right"), strings.HasPrefix(f.Name, "wrong"):
			result := compile.Result{Services: services}
			result.Tables, result.SubsetRules = archivetest.Made(archivetest.Snapshot(t, string(f.Data)))
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
	archivetest.Want(t, *update, file, archive, got.String())
}

// said lists the contents of a report, each once for all callers and names.
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
