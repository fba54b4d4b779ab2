package report

import (
	"io"
	"net/url"
	"path"
	"path/filepath"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// The parts of SARIF 2.1.0 that are needed (OASIS, sarif-v2.1.0-os, §3).
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
		// ColumnKind says how columns are counted; SARIF requires it if there are
		// regions.
		ColumnKind string `json:"columnKind"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID                   string        `json:"id"`
		Name                 string        `json:"name"`
		ShortDescription     sarifText     `json:"shortDescription"`
		Help                 *sarifText    `json:"help,omitempty"`
		HelpURI              string        `json:"helpUri"`
		DefaultConfiguration sarifSeverity `json:"defaultConfiguration"`
	}
	sarifSeverity struct {
		Level string `json:"level"`
	}
	sarifText struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID string `json:"ruleId"`
		// RuleIndex is nil if the code is in no list of rules.
		RuleIndex *int            `json:"ruleIndex,omitempty"`
		Level     string          `json:"level"`
		Message   sarifText       `json:"message"`
		Locations []sarifLocation `json:"locations,omitempty"`
	}
	sarifLocation struct {
		PhysicalLocation *sarifPhysical `json:"physicalLocation,omitempty"`
		LogicalLocations []sarifLogical `json:"logicalLocations,omitempty"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           *sarifRegion  `json:"region,omitempty"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name               string `json:"name"`
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

const (
	sarifSchema = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	homepage    = "https://github.com/overrides-mesh/overrides"
	rulePage    = homepage + "/blob/main/docs/reference/diagnostics.md#"
)

// SARIF writes list as a SARIF 2.1.0 log, which code hosts show beside the lines that it
// names. Its rules are the list of codes.
func SARIF(w io.Writer, list []diag.Diagnostic, version string) error {
	rules := []sarifRule{}
	index := map[diag.Code]int{}
	for i, entry := range diag.Codes() {
		index[entry.Code] = i
		rules = append(rules, rule(entry))
	}
	results := []sarifResult{}
	for _, d := range list {
		result := sarifResult{
			RuleID: string(d.Code), Level: level(d.Severity), Message: sarifText{message(d)}, Locations: locations(d),
		}
		if i, ok := index[d.Code]; ok {
			result.RuleIndex = &i
		}
		results = append(results, result)
	}
	return encode(w, sarifLog{Schema: sarifSchema, Version: "2.1.0", Runs: []sarifRun{{
		Tool: sarifTool{sarifDriver{
			Name: "overrides", Version: version, InformationURI: homepage, Rules: rules,
		}},
		Results:    results,
		ColumnKind: "utf16CodeUnits",
	}}})
}

func rule(entry diag.Entry) sarifRule {
	out := sarifRule{
		ID: string(entry.Code), Name: string(entry.Code),
		ShortDescription:     sarifText{entry.Meaning},
		HelpURI:              rulePage + strings.ToLower(string(entry.Code)),
		DefaultConfiguration: sarifSeverity{level(entry.Severity)},
	}
	if entry.Fix != "" {
		out.Help = &sarifText{entry.Fix}
	}
	return out
}

// message puts the object into the text, since most viewers show only that.
func message(d diag.Diagnostic) string {
	text := d.Message
	if object := d.Object.String(); object != "" {
		text = object + ": " + text
	}
	if d.Fix != "" {
		text += "\nfix: " + d.Fix
	}
	return text
}

func level(s diag.Severity) string {
	switch s {
	case diag.Error:
		return "error"
	case diag.Warning:
		return "warning"
	case diag.Info:
	}
	return "note"
}

func locations(d diag.Diagnostic) []sarifLocation {
	var out sarifLocation
	if d.Origin.File != "" {
		out.PhysicalLocation = &sarifPhysical{ArtifactLocation: sarifArtifact{fileURI(d.Origin.File)}}
		if d.Origin.Line > 0 {
			out.PhysicalLocation.Region = &sarifRegion{d.Origin.Line}
		}
	}
	if name := d.Object.String(); name != "" {
		out.LogicalLocations = []sarifLogical{{Name: d.Object.Name, FullyQualifiedName: name, Kind: "resource"}}
	}
	if out.PhysicalLocation == nil && out.LogicalLocations == nil {
		return nil
	}
	return []sarifLocation{out}
}

// fileURI returns file as a URI: relative paths stay relative, as code hosts need them,
// without a leading "./"; paths on other drives become file URIs.
func fileURI(file string) string {
	file = path.Clean(filepath.ToSlash(file))
	switch {
	case strings.HasPrefix(file, "/"):
		return (&url.URL{Scheme: "file", Path: file}).String()
	case len(file) > 2 && file[1:3] == ":/":
		return (&url.URL{Scheme: "file", Path: "/" + file}).String()
	}
	return (&url.URL{Path: file}).String()
}
