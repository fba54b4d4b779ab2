package edge_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/edge"
)

// TestCarried compares what the filter of the only policy of each archive does to requests:
//
//	GET shop.example.com/?x-override=v2 cookie: a=b | x-override: web:v2
func TestCarried(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/carried/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		t.Helper()
		if len(archive.Files) < 2 || archive.Files[1].Name != "requests.txt" {
			t.Fatal("want input.yaml, requests.txt and want.txt, in this order")
		}
		entries, err := edge.Decide(snapshot(t, string(archive.Files[0].Data)))
		if err != nil || len(entries) != 1 || entries[0].Filter == nil {
			t.Fatalf("%d policies: %+v %v", len(entries), entries, err)
		}
		var got strings.Builder
		for line := range strings.Lines(string(archive.Files[1].Data)) {
			got.WriteString(line)
			describe(&got, entries[0].Filter, incoming(strings.TrimSpace(line)))
		}
		archivetest.Want(t, *update, file, archive, got.String())
	})
}

// incoming parses a request: METHOD HOST/PATH [HEADER: VALUE | …].
func incoming(line string) *edge.Incoming {
	method, rest, _ := strings.Cut(line, " ")
	target, headers, _ := strings.Cut(rest, " ")
	host, path, _ := strings.Cut(target, "/")
	out := &edge.Incoming{Method: method, Host: host, Path: "/" + path, Header: map[string][]string{}}
	for header := range strings.SplitSeq(headers, " | ") {
		if name, value, found := strings.Cut(header, ": "); found {
			out.Header[name] = append(out.Header[name], value)
		}
	}
	return out
}

func describe(to *strings.Builder, f *edge.Filter, in *edge.Incoming) {
	header, changes := f.Carried(in)
	for _, c := range changes {
		fmt.Fprintf(to, "  %s removed %q made %q of %q\n", c.Header, c.Removed, c.Made, c.Of)
	}
	fmt.Fprintf(to, "  carries %q %q, guarded: %v\n", header["x-override"], header["baggage"], f.Guards(in.Method, header))
	if cookie, path := f.FollowLink(in); cookie != "" {
		fmt.Fprintf(to, "  sets %s, leads to %s\n", cookie, path)
	}
}
