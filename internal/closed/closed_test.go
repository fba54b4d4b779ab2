package closed_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/closed"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/route"
)

var update = flag.Bool("update", false, "rewrite what the archives want")

// TestClosed compares with each archive how versions are closed, and to which of them routes
// lead. Beside its own output, it makes the same.
func TestClosed(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		t.Helper()
		input := string(archive.Files[0].Data)
		said, objects := closing(t, input)
		archivetest.Want(t, *update, file, archive, said+objects)
		if again, _ := closing(t, input+"\n"+objects); again != said {
			t.Errorf("beside its own objects, it says\n%s", again)
		}
	})
}

// closing returns which versions are closed, with diagnostics, and the objects that close them.
func closing(t *testing.T, input string) (said, objects string) {
	t.Helper()
	out, err := generate.Closed(archivetest.Snapshot(t, input))
	if err != nil {
		t.Fatal(err)
	}
	var about, made strings.Builder
	for i := range out.Closed {
		v := &out.Closed[i]
		for _, d := range v.Diagnostics {
			fmt.Fprintf(&about, "%s\n", d)
		}
		leads := func(r route.Route) bool { return r.Name == "override.cart."+v.Version.Version }
		routed := slices.ContainsFunc(out.Tables, func(table route.Table) bool { return slices.ContainsFunc(table.Routes, leads) })
		fmt.Fprintf(&about, "a route leads to %s: %v\n", v.Version.Version, routed)
		for _, o := range v.Objects {
			text, err := o.YAML()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&made, "---\n%s", text)
		}
	}
	return about.String(), made.String()
}

// TestSamePods: objects are for the same pods if they have the same labels.
func TestSamePods(t *testing.T) {
	t.Parallel()
	const cart = `{"spec":{"selector":{"matchLabels":{"app":"cart"}},"action":"DENY"}}`
	for other, want := range map[string]bool{
		`{"spec":{"rules":[{}],"selector":{"matchLabels":{"app":"cart"}}}}`:  true,
		`{"spec":{"selector":{"matchLabels":{"app":"cart","version":"2"}}}}`: false,
		`{"spec":{}}`: false,
		``:            false,
	} {
		if closed.SamePods([]byte(cart), []byte(other)) != want || closed.SamePods([]byte(other), []byte(cart)) != want {
			t.Errorf("%s: want %v", other, want)
		}
	}
}
