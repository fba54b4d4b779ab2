package report_test

import (
	"bytes"
	"encoding/json"
	"net/url"
	"slices"
	"testing"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/report"
)

// log holds the fields that the schema of SARIF 2.1.0 requires and code hosts read.
type log struct {
	Schema  *string `json:"$schema"`
	Version *string `json:"version"`
	Runs    []struct {
		Tool struct {
			Driver struct {
				Name  *string `json:"name"`
				Rules []struct {
					ID                   *string `json:"id"`
					ShortDescription     *text   `json:"shortDescription"`
					Help                 *text   `json:"help"`
					HelpURI              string  `json:"helpUri"`
					DefaultConfiguration struct {
						Level string `json:"level"`
					} `json:"defaultConfiguration"`
				} `json:"rules"`
			} `json:"driver"`
		} `json:"tool"`
		Results []result `json:"results"`
	} `json:"runs"`
}

type text struct {
	Text *string `json:"text"`
}

type result struct {
	RuleID    string `json:"ruleId"`
	RuleIndex *int   `json:"ruleIndex"`
	Level     string `json:"level"`
	Message   *text  `json:"message"`
	Locations []struct {
		PhysicalLocation *struct {
			ArtifactLocation struct {
				URI string `json:"uri"`
			} `json:"artifactLocation"`
			Region *struct {
				StartLine int `json:"startLine"`
			} `json:"region"`
		} `json:"physicalLocation"`
		LogicalLocations []struct {
			FullyQualifiedName string `json:"fullyQualifiedName"`
			Kind               string `json:"kind"`
		} `json:"logicalLocations"`
	} `json:"locations"`
}

var levels = []string{"none", "note", "warning", "error"}

func sarif(t *testing.T, list []diag.Diagnostic) log {
	t.Helper()
	var b bytes.Buffer
	if err := report.SARIF(&b, list, "v1.2.3"); err != nil {
		t.Fatal(err)
	}
	var out log
	if err := json.Unmarshal(b.Bytes(), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// everyDiagnostic returns one diagnostic of each code, at places of all kinds.
func everyDiagnostic() []diag.Diagnostic {
	origins := []diag.Origin{
		{}, {File: "stdin", Document: 1, Line: 3}, {File: "a b/ü#1.yaml", Document: 2, Line: 7}, {File: "/abs/x.yaml"}, {File: "./deploy/x:y.yaml", Line: 1},
	}
	objects := []diag.Object{{}, {Kind: "Service", Namespace: "shop", Name: "cart"}}
	var out []diag.Diagnostic
	for i, entry := range diag.Codes() {
		out = append(out, diag.New(entry.Code, objects[i%len(objects)], "message <%d> & more", i).At(origins[i%len(origins)]))
	}
	return append(out, diag.New("NotInTheList", diag.Object{}, "a code of tomorrow"))
}

func TestSARIFHasTheShapeOfItsSchema(t *testing.T) {
	t.Parallel()
	diags := everyDiagnostic()
	out := sarif(t, diags)
	if out.Schema == nil || out.Version == nil || *out.Version != "2.1.0" || len(out.Runs) != 1 {
		t.Fatalf("not a log of one run of SARIF 2.1.0: %+v", out)
	}
	run := out.Runs[0]
	if run.Tool.Driver.Name == nil || *run.Tool.Driver.Name != "overrides" {
		t.Error("the tool has no name")
	}
	seen := map[string]bool{}
	for _, rule := range run.Tool.Driver.Rules {
		if rule.ID == nil || seen[*rule.ID] || rule.ShortDescription == nil || rule.ShortDescription.Text == nil || *rule.ShortDescription.Text == "" {
			t.Errorf("a rule without id or text, or twice: %+v", rule)
			continue
		}
		seen[*rule.ID] = true
		if _, err := url.Parse(rule.HelpURI); err != nil || rule.HelpURI == "" || !slices.Contains(levels, rule.DefaultConfiguration.Level) {
			t.Errorf("%s: helpUri %q, level %q", *rule.ID, rule.HelpURI, rule.DefaultConfiguration.Level)
		}
	}
	if len(seen) != len(diag.Codes()) || len(run.Results) != len(diags) {
		t.Fatalf("%d rules for %d codes, %d results for %d diagnostics", len(seen), len(diag.Codes()), len(run.Results), len(diags))
	}
	for i, r := range run.Results {
		checkResult(t, r, diags[i])
		known := r.RuleIndex != nil && *run.Tool.Driver.Rules[*r.RuleIndex].ID == r.RuleID
		if known != (diags[i].Code != "NotInTheList") {
			t.Errorf("%s: ruleIndex %v leads elsewhere", r.RuleID, r.RuleIndex)
		}
	}
}

func checkResult(t *testing.T, r result, d diag.Diagnostic) {
	t.Helper()
	if r.RuleID != string(d.Code) || r.Message == nil || r.Message.Text == nil || *r.Message.Text == "" || !slices.Contains(levels, r.Level) {
		t.Errorf("%s: %+v", d.Code, r)
	}
	want := map[diag.Severity]string{diag.Error: "error", diag.Warning: "warning", diag.Info: "note"}[d.Severity]
	if r.Level != want {
		t.Errorf("%s: level %s, want %s", d.Code, r.Level, want)
	}
	for _, l := range r.Locations {
		if p := l.PhysicalLocation; p != nil {
			if _, err := url.Parse(p.ArtifactLocation.URI); err != nil || p.ArtifactLocation.URI == "" {
				t.Errorf("%s: uri %q: %v", d.Code, p.ArtifactLocation.URI, err)
			}
			if p.Region != nil && p.Region.StartLine != d.Origin.Line {
				t.Errorf("%s: line %d, want %d", d.Code, p.Region.StartLine, d.Origin.Line)
			}
		}
		for _, logical := range l.LogicalLocations {
			if logical.FullyQualifiedName != d.Object.String() {
				t.Errorf("%s: %q, want %q", d.Code, logical.FullyQualifiedName, d.Object)
			}
		}
	}
	if (len(r.Locations) > 0) != (d.Origin.File != "" || d.Object.Name != "") {
		t.Errorf("%s: locations %+v", d.Code, r.Locations)
	}
}

func TestSARIFPaths(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]string{
		"deploy/x.yaml": "deploy/x.yaml", "./x.yaml": "x.yaml", "../x.yaml": "../x.yaml", "a b#c.yaml": "a%20b%23c.yaml",
		"/abs/x.yaml": "file:///abs/x.yaml", "C:/x.yaml": "file:///C:/x.yaml", "x:y.yaml": "./x:y.yaml",
	} {
		d := diag.New(diag.NoHTTPPort, diag.Object{}, "x").At(diag.Origin{File: file})
		if got := sarif(t, []diag.Diagnostic{d}).Runs[0].Results[0].Locations[0].PhysicalLocation.ArtifactLocation.URI; got != want {
			t.Errorf("%s becomes %s, want %s", file, got, want)
		}
	}
}

func TestSARIFOfNothingIsALogWithoutResults(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := report.SARIF(&b, nil, ""); err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b.Bytes(), []byte(`"results": []`)) {
		t.Errorf("results are to be an empty list, not null:\n%s", &b)
	}
}
