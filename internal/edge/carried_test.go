package edge_test

import (
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/token"
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

// TestCarriedToken: the header is made of the claim of a valid token, in the header or else in
// the cookie, until it expires. Nothing else makes one.
func TestCarriedToken(t *testing.T) {
	t.Parallel()
	at := time.Unix(1_800_000_000, 0)
	key, err := token.NewKey("ES256", rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	mint := func(version string) string {
		text, _, err := token.Mint(key, &token.Request{
			Issuer: token.DefaultIssuer, Audience: token.DefaultAudience, Subject: "ada", ID: "grant." + version, Grant: true, Members: []grammar.Member{{Service: "web", Version: version}},
		}, &token.Limits{}, at)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	out, err := edge.Make(&model.Snapshot{Options: model.DefaultOptions()}, &edge.Request{
		Gateway: "public", Namespace: "edge", Selector: map[string]string{"istio": "edge"}, PodNamespaces: []string{"edge"}, Policy: edge.Token,
		Tokens: &edge.Tokens{Expected: token.Expected{Issuer: token.DefaultIssuer, Audience: token.DefaultAudience, MaxLifetime: time.Hour}, Keys: token.Public(key), Cookie: "preview", Link: true},
	})
	if err != nil || out.Filter == nil {
		t.Fatalf("%v %v", out.Diagnostics, err)
	}
	v1, v2 := mint("v1"), mint("v2")
	for name, c := range map[string]struct {
		header  map[string][]string
		after   time.Duration
		made    []string
		refused string
	}{
		"header":            {map[string][]string{"x-override-token": {v2}}, 0, []string{"web:v2"}, ""},
		"cookie":            {map[string][]string{"cookie": {"a=b; preview=" + v2}}, 0, []string{"web:v2"}, ""},
		"header and cookie": {map[string][]string{"x-override-token": {v1}, "cookie": {"preview=" + v2}}, 0, []string{"web:v1"}, ""},
		"beside a header":   {map[string][]string{"x-override-token": {v1}, "x-override": {"web:v2"}, "x-override-id": {"grant.v2"}}, 0, []string{"web:v1"}, ""},
		"expired":           {map[string][]string{"x-override-token": {v2}}, 2 * time.Hour, nil, "expired"},
		"no token":          {map[string][]string{"x-override-token": {"web:v2"}}, 0, nil, "no signed token"},
		"no signature":      {map[string][]string{"x-override-token": {v2[:len(v2)-86] + v1[len(v1)-86:]}}, 0, nil, "signature"},
		"header only":       {map[string][]string{"x-override": {"web:v2"}}, 0, nil, ""},
		"another cookie":    {map[string][]string{"cookie": {"x-override=web:v2; token=" + v2}}, 0, nil, ""},
	} {
		header, changes := out.Filter.Carried(&edge.Incoming{Method: "GET", Host: "shop.example.com", Path: "/", Header: c.header, Time: at.Add(c.after)})
		refused := ""
		for _, change := range changes {
			refused += change.Refused
		}
		if id := strings.Join(header["x-override-id"], ","); id != strings.ReplaceAll(strings.Join(c.made, ","), "web:", "grant.") {
			t.Errorf("%s: the ID is %q", name, id)
		}
		if !slices.Equal(header["x-override"], c.made) || !strings.Contains(refused, c.refused) || (refused == "") != (c.refused == "") {
			t.Errorf("%s: %q, refused %q", name, header["x-override"], refused)
		}
	}
	link := &edge.Incoming{Method: "GET", Host: "shop.example.com", Path: "/cart?x-override-token=" + v2 + "&a=1", Header: map[string][]string{}}
	if cookie, path := out.Filter.FollowLink(link); cookie != "preview="+v2 || path != "/cart?a=1" {
		t.Errorf("a link sets %q, and leads to %q", cookie, path)
	}
}
