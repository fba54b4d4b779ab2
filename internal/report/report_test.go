package report_test

import (
	"bytes"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/report"
)

func TestCounts(t *testing.T) {
	t.Parallel()
	for want, c := range map[string]report.Counts{
		"nothing to report":            {},
		"1 error":                      {Errors: 1},
		"2 errors, 1 warning":          {Errors: 2, Warnings: 1},
		"1 warning, 3 infos":           {Warnings: 1, Infos: 3},
		"2 errors, 2 warnings, 1 info": {Errors: 2, Warnings: 2, Infos: 1},
	} {
		if got := c.String(); got != want {
			t.Errorf("%+v is %q, want %q", c, got, want)
		}
	}
	got := report.Count([]diag.Diagnostic{{Severity: diag.Error}, {Severity: diag.Info}, {Severity: diag.Info}, {Severity: diag.Warning}})
	if diff := cmp.Diff(report.Counts{Errors: 1, Warnings: 1, Infos: 2}, got); diff != "" {
		t.Error(diff)
	}
}

// TestTableIsAligned: every column begins at one place, whatever its cells contain.
func TestTableIsAligned(t *testing.T) {
	t.Parallel()
	cell := rapid.StringMatching(`[a-zäö—✓]{1,8}`)
	rapid.Check(t, func(t *rapid.T) {
		columns := rapid.IntRange(1, 5).Draw(t, "columns")
		rows := rapid.SliceOfN(rapid.SliceOfN(cell, columns, columns), 1, 6).Draw(t, "rows")
		var b bytes.Buffer
		if err := report.Table(&b, rows); err != nil {
			t.Fatal(err)
		}
		var starts []int
		for i, line := range strings.Split(strings.TrimSuffix(b.String(), "\n"), "\n") {
			fields := strings.Fields(line)
			if diff := cmp.Diff(rows[i], fields); diff != "" {
				t.Fatal(diff)
			}
			var at []int
			inside := false
			for j, r := range []rune(line) {
				if r != ' ' && !inside {
					at = append(at, j)
				}
				inside = r != ' '
			}
			if i == 0 {
				starts = at
			}
			if diff := cmp.Diff(starts, at); diff != "" {
				t.Fatalf("columns don't line up:\n%s", b.String())
			}
			if strings.HasSuffix(line, " ") || !utf8.ValidString(line) {
				t.Fatalf("line %q", line)
			}
		}
	})
}

func snapshot() *model.Snapshot {
	pods := func(name, version string, ready int) model.Backend {
		labels := map[string]string{"app": "cart"}
		if version != "" {
			labels["version"] = version
		}
		return model.Backend{Workload: model.Workload{Kind: "Deployment", Name: name}, Labels: labels, Pods: 2, Ready: ready}
	}
	return &model.Snapshot{Options: model.DefaultOptions(), Services: []model.Service{
		{
			Namespace: "shop", Name: "cart", Selector: map[string]string{"app": "cart"}, Ports: []model.Port{{Number: 80, HTTP: true}},
			Settings: model.Settings{ReleasedVersions: []string{"v1"}},
			Backends: []model.Backend{pods("cart", "v1", 2), pods("cart-2", "v2", 1), pods("cart-3", "v3", 0), pods("cart-x", "", 2)},
		},
		{Namespace: "shop", Name: "alias", ExternalName: "example.com"},
	}}
}

func TestServices(t *testing.T) {
	t.Parallel()
	in := snapshot()
	result := compile.Compile(in)
	got := report.Services(in, &result)
	want := []report.Service{
		{
			Namespace: "shop", Name: "alias", State: compile.Skipped, Reason: diag.ExternalNameService,
			Why: "left alone (ExternalNameService): it is an ExternalName",
		},
		{
			Namespace: "shop", Name: "cart", State: compile.Managed, Pinned: compile.PinnedByVersion,
			Versions: []report.Version{
				{Name: "v1", Released: true, Pods: 2, Ready: 2, Route: "subset override-v1", Workloads: []string{"Deployment/cart"}, Why: "named: v1"},
				{Name: "v2", Pods: 2, Ready: 1, Route: "subset override-v2", Workloads: []string{"Deployment/cart-2"}, Why: "on request: cart:v2"},
				{Name: "v3", Pods: 2, Workloads: []string{"Deployment/cart-3"}, Why: "no ready pod, so no route"},
				{Pods: 2, Ready: 2, Workloads: []string{"Deployment/cart-x"}, Why: "no version label"},
			},
		},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

func TestServicesSaysThatOrdinaryTrafficIsShared(t *testing.T) {
	t.Parallel()
	in := snapshot()
	in.Services[0].Settings = model.Settings{ReleasedWorkload: &model.Workload{Kind: "Deployment", Name: "cart-x"}}
	result := compile.Compile(in)
	for _, s := range report.Services(in, &result) {
		for _, v := range s.Versions {
			if v.Released != (v.Name == "") {
				t.Errorf("version %q: released %v", v.Name, v.Released)
			}
			if v.Released && v.Why != "named: Deployment/cart-x; all pods share ordinary traffic" {
				t.Errorf("why: %s", v.Why)
			}
		}
	}
}

// TestServicesTellsNamesApart: a version with the name of a workload releases no pods of
// that workload.
func TestServicesTellsNamesApart(t *testing.T) {
	t.Parallel()
	in := snapshot()
	in.Services[0].Settings.ReleasedVersions = []string{"cart-x"}
	result := compile.Compile(in)
	for _, s := range report.Services(in, &result) {
		for _, v := range s.Versions {
			if v.Released {
				t.Errorf("pods of %v are released: %s", v.Workloads, v.Why)
			}
		}
	}
}
