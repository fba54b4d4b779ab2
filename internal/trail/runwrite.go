package trail

import (
	"cmp"
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/report"
)

// Markdown writes r for the comment of a pull request.
func (r *Run) Markdown(w io.Writer) error {
	var b strings.Builder
	verdict := "✓ every member was honoured"
	switch {
	case r.Requests == 0:
		verdict = "✗ no request was reported"
	case !r.Passed():
		verdict = "✗ some members were not honoured"
	}
	fmt.Fprintf(&b, "### %s: %s\n\n%s\n", cell(r.Name), verdict, report.Number(r.Requests, "request"))
	if len(r.Served) > 0 {
		b.WriteString("\n| service | version | calls | images |\n|---|---|---|---|\n")
	}
	for _, s := range r.Served {
		fmt.Fprintf(&b, "| %s | %s | %d | %s |\n", cell(strings.TrimSuffix(s.Service+"."+s.Namespace, ".")), cell(cmp.Or(s.Version, "—")), s.Calls, cell(cmp.Or(strings.Join(s.Images, ", "), "—")))
	}
	if len(r.Members) > 0 {
		b.WriteString("\n| member | honoured | not honoured |\n|---|---|---|\n")
	}
	for _, t := range r.Members {
		var not []string
		for _, c := range t.Not {
			not = append(not, fmt.Sprintf("%d × %s: %s", c.Requests, c.Reason, cell(c.Message)))
		}
		fmt.Fprintf(&b, "| %s | %d | %s |\n", cell(t.Member), t.Honoured, cmp.Or(strings.Join(not, "<br>"), "—"))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// cell escapes what has a meaning in a table of Markdown, where requests may have any text.
func cell(s string) string {
	return strings.NewReplacer("|", `\|`, "<", "&lt;", "*", `\*`, "_", `\_`, "`", "\\`", "[", `\[`, "\n", " ").Replace(s)
}

// junit is JUnit's form of a test run.
type junit struct {
	XMLName  xml.Name    `xml:"testsuite"`
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Cases    []junitCase `xml:"testcase"`
}

type junitCase struct {
	Class   string        `xml:"classname,attr"`
	Name    string        `xml:"name,attr"`
	Failure *junitFailure `xml:"failure"`
}

type junitFailure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

// JUnit writes r with a test for each member.
func (r *Run) JUnit(w io.Writer) error {
	out := junit{Name: "overrides " + r.Name}
	for _, t := range r.Members {
		c := junitCase{Class: "overrides.trail", Name: t.Member}
		if len(t.Not) > 0 {
			out.Failures++
			c.Failure = &junitFailure{Message: fmt.Sprintf("not honoured: %s", t.Not[0].Reason)}
			for _, n := range t.Not {
				c.Failure.Text += fmt.Sprintf("%s: %s [%s]\n", report.Number(n.Requests, "request"), n.Message, n.Reason)
			}
		}
		out.Cases = append(out.Cases, c)
	}
	if r.Requests == 0 {
		out.Failures++
		out.Cases = append(out.Cases, junitCase{Class: "overrides.trail", Name: "requests", Failure: &junitFailure{Message: "no request was reported"}})
	}
	out.Tests = len(out.Cases)
	text, err := xml.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(w, "%s%s\n", xml.Header, text)
	return err
}

// statement is an in-toto statement (v1) of a test result (predicate test-result v0.1).
type statement struct {
	Type          string     `json:"_type"`
	Subject       []subject  `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     testResult `json:"predicate"`
}

type subject struct {
	Name   string            `json:"name,omitempty"`
	Digest map[string]string `json:"digest"`
}

type testResult struct {
	Result        string              `json:"result"`
	Configuration []map[string]string `json:"configuration"`
	Passed        []string            `json:"passedTests,omitempty"`
	Failed        []string            `json:"failedTests,omitempty"`
}

// ErrNoDigest means that no image that served is known by its digest.
var ErrNoDigest = errors.New("the digest of no image that served is known")

// Statement writes r as an in-toto statement, unsigned, about the images that served. It returns
// ErrNoDigest if there is none.
func (r *Run) Statement(w io.Writer) error {
	out := statement{
		Type: "https://in-toto.io/Statement/v1", PredicateType: "https://in-toto.io/attestation/test-result/v0.1",
		Predicate: testResult{Result: "FAILED", Configuration: []map[string]string{{"name": "override " + r.Name}}},
	}
	if r.Passed() {
		out.Predicate.Result = "PASSED"
	}
	for _, s := range r.Served {
		for _, image := range s.Images {
			name, digest, found := strings.Cut(image, "@")
			algorithm, value, _ := strings.Cut(digest, ":")
			known := slices.ContainsFunc(out.Subject, func(o subject) bool { return o.Name == name && o.Digest[algorithm] == value })
			if found && !known {
				out.Subject = append(out.Subject, subject{Name: name, Digest: map[string]string{algorithm: value}})
			}
		}
	}
	if len(out.Subject) == 0 {
		return ErrNoDigest
	}
	for _, t := range r.Members {
		if len(t.Not) == 0 {
			out.Predicate.Passed = append(out.Predicate.Passed, t.Member)
		} else {
			out.Predicate.Failed = append(out.Predicate.Failed, t.Member)
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(out)
}
