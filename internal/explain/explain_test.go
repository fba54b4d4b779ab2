package explain_test

import (
	"bytes"
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/explain"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestRowsAreThoseOfEvaluate: for every cluster and request, the row that explain reports
// as taken is the one that Evaluate takes, no earlier row fits, and every other row has a
// reason.
func TestRowsAreThoseOfEvaluate(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		snapshot := compiletest.Snapshot().Draw(t, "snapshot")
		request := compiletest.Request(true).Draw(t, "request")
		result := compile.Compile(snapshot)
		for i := range result.Services {
			s := &result.Services[i]
			e, err := explain.New(snapshot, &result, explain.Query{
				Chain: []string{s.Host}, Header: request.Header, Method: request.Method, Path: request.Path,
				Scheme: request.Scheme, Authority: request.Authority,
			})
			if err != nil {
				t.Fatal(err)
			}
			hop := &e.Hops[0]
			asked := *request
			asked.Port, asked.Caller = hop.Port, route.Caller{Namespace: s.Namespace}
			asked.Method, asked.Path, asked.Scheme = or(request.Method, "GET"), or(request.Path, "/"), or(request.Scheme, "http")
			asked.Authority = or(request.Authority, s.Name)
			checkHop(t, hop, tableOf(&result, hop), &asked)
			checkWriters(t, e)
		}
	})
}

func or(value, otherwise string) string {
	if value == "" {
		return otherwise
	}
	return value
}

func tableOf(result *compile.Result, hop *explain.Hop) *route.Table {
	for i := range result.Tables {
		if table := &result.Tables[i]; table.Namespace+"/"+table.Name == hop.Table {
			return table
		}
	}
	return nil
}

func checkHop(t *rapid.T, hop *explain.Hop, table *route.Table, request *route.Request) {
	t.Helper()
	if hop.Reached == "" {
		t.Fatal("nothing is reached")
	}
	if table == nil {
		if hop.Table != "" || hop.Why == "" {
			t.Fatalf("no table, and no reason: %+v", hop)
		}
		return
	}
	want := route.Evaluate(table, request)
	for i, row := range hop.Rows {
		switch {
		case row.Taken != (i == want.Route):
			t.Fatalf("row %d (%s): taken %v, Evaluate takes %d", i, row.Name, row.Taken, want.Route)
		case row.Fits && i < want.Route, !row.Fits && row.Taken:
			t.Fatalf("row %d (%s) fits: %v, Evaluate takes %d", i, row.Name, row.Fits, want.Route)
		case row.Why == "" || row.To == "":
			t.Fatalf("row %d says too little: %+v", i, row)
		case strings.Contains(row.Why, "(?:"):
			t.Fatalf("row %d has a pattern for people to read: %s", i, row.Why)
		}
	}
	if len(hop.Rows) != len(table.Routes) {
		t.Fatalf("%d rows of %d", len(hop.Rows), len(table.Routes))
	}
}

var (
	mermaidLine = regexp.MustCompile(`^(flowchart LR|  n\d+\(?\["[^"]*"\]\)?|  n\d+ (-->|-\.->)(\|"[^"]*"\|)? n\d+|  class n\d+ \w+|  classDef \w+ [\w:#,-]+)$`)
	dotLine     = regexp.MustCompile(`^(digraph overrides \{|\}|  rankdir=LR;|  (node|edge) \[.*\];|  n\d+ \[label="(?:[^"\\]|\\.)*"(, \w+="?[\w#]+"?)*\];|  n\d+ -> n\d+( \[(label="(?:[^"\\]|\\.)*"|style=dashed)\])?;)$`)
)

// checkWriters: whatever the names are, every line of a picture is well-formed.
func checkWriters(t *rapid.T, e *explain.Explanation) {
	t.Helper()
	for _, w := range []struct {
		name  string
		write func(*bytes.Buffer) error
		line  *regexp.Regexp
	}{
		{"Mermaid", func(b *bytes.Buffer) error { return e.Mermaid(b) }, mermaidLine},
		{"DOT", func(b *bytes.Buffer) error { return e.DOT(b) }, dotLine},
		{"text", func(b *bytes.Buffer) error { return e.Text(b, false) }, regexp.MustCompile(``)},
	} {
		var b bytes.Buffer
		if err := w.write(&b); err != nil {
			t.Fatal(err)
		}
		for line := range strings.SplitSeq(strings.TrimSuffix(b.String(), "\n"), "\n") {
			if !w.line.MatchString(line) {
				t.Fatalf("%s: line %q", w.name, line)
			}
		}
	}
	var b bytes.Buffer
	if err := e.JSON(&b); err != nil || !json.Valid(b.Bytes()) {
		t.Fatalf("JSON: %v", err)
	}
}

// TestPicturesEscape: names of hosts are the user's own strings.
func TestPicturesEscape(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		nasty := rapid.StringMatching("[a-z\"#;<>&|\\\\{}()\\[\\]\\n\\r`*ü-]{0,12}")
		e := &explain.Explanation{Unreached: []string{nasty.Draw(t, "unreached")}}
		for range rapid.IntRange(1, 3).Draw(t, "hops") {
			e.Hops = append(e.Hops, explain.Hop{
				Caller: nasty.Draw(t, "caller"), Service: nasty.Draw(t, "service"), Reached: nasty.Draw(t, "reached"),
				Route: nasty.Draw(t, "route"), Table: nasty.Draw(t, "table"),
			})
		}
		checkWriters(t, e)
	})
}

// TestLargeTablesAreSummedUp: rows that concern the request are never left out, and --all
// leaves out none.
func TestLargeTablesAreSummedUp(t *testing.T) {
	t.Parallel()
	e := &explain.Explanation{Hops: []explain.Hop{{Caller: "client", Service: "s", Reached: "v1", Table: "n/s"}}}
	rows := []explain.Row{{Name: "ordinary.s", Kind: route.Ordinary, To: "v1", Why: "the request carries an override"}}
	for range 500 {
		rows = append(rows, explain.Row{Name: "override.s.x", Kind: route.Override, To: "x", Why: "not asked for"})
	}
	rows = append(
		rows,
		explain.Row{Name: "override.s.y", Kind: route.Override, To: "y", Taken: true, Fits: true, Why: "asked for"},
		explain.Row{Name: "released.s", Kind: route.Released, To: "v1", Fits: true, Why: "fits too"},
	)
	e.Hops[0].Rows = rows
	var few, all bytes.Buffer
	if err := e.Text(&few, false); err != nil {
		t.Fatal(err)
	}
	if err := e.Text(&all, true); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"✗ ordinary.s", "✓ override.s.y", "· released.s", "✗ 483 more rows"} {
		if !strings.Contains(few.String(), want) {
			t.Errorf("no %q in\n%s", want, &few)
		}
	}
	if got := strings.Count(few.String(), "\n"); got != 22 {
		t.Errorf("%d lines, want the hop, 20 rows and the sum", got)
	}
	if got := strings.Count(all.String(), "\n"); got != len(rows)+1 {
		t.Errorf("%d lines of all %d rows", got, len(rows))
	}
}
