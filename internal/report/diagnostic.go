package report

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// Text writes each diagnostic as a line, and its fix as a second one.
func Text(w io.Writer, list []diag.Diagnostic) error {
	for _, d := range list {
		if _, err := fmt.Fprintln(w, d); err != nil {
			return err
		}
	}
	return nil
}

// document is the JSON form of a list of diagnostics.
type document struct {
	Diagnostics []diag.Diagnostic `json:"diagnostics"`
	Counts
}

// JSON writes list as one object, with the count of each severity.
func JSON(w io.Writer, list []diag.Diagnostic) error {
	if list == nil {
		list = []diag.Diagnostic{}
	}
	return encode(w, document{Diagnostics: list, Counts: Count(list)})
}

// Counts holds the number of diagnostics of each severity.
type Counts struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Infos    int `json:"infos"`
}

// Count counts list by severity.
func Count(list []diag.Diagnostic) Counts {
	var out Counts
	for _, d := range list {
		switch d.Severity {
		case diag.Error:
			out.Errors++
		case diag.Warning:
			out.Warnings++
		case diag.Info:
			out.Infos++
		}
	}
	return out
}

// String returns c as in "1 error, 2 warnings", or "nothing to report".
func (c Counts) String() string {
	var parts []string
	for _, p := range []struct {
		n    int
		word string
	}{{c.Errors, "error"}, {c.Warnings, "warning"}, {c.Infos, "info"}} {
		if p.n > 0 {
			parts = append(parts, Number(p.n, p.word))
		}
	}
	if len(parts) == 0 {
		return "nothing to report"
	}
	return strings.Join(parts, ", ")
}

// Number returns n and a word in the right form, as in "1 error" or "2 errors".
func Number(n int, word string) string {
	if n != 1 {
		word += "s"
	}
	return fmt.Sprintf("%d %s", n, word)
}

// encode writes value as indented JSON, without escaping "<", ">" and "&".
func encode(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}
