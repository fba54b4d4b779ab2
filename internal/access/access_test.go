package access_test

import (
	"flag"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/access"
	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/plan"
)

var update = flag.Bool("update", false, "rewrite what the archives want")

// TestMake compares the filters of each archive's policies.
func TestMake(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		t.Helper()
		objects := &discover.Objects{}
		for document := range strings.SplitSeq("\n"+string(archive.Files[0].Data), "\n---\n") {
			object, err := yaml.YAMLToJSON([]byte(document))
			if err != nil {
				t.Fatal(err)
			}
			objects.Add(discover.Parse(object, "shop", diag.Origin{}))
		}
		snapshot, _ := objects.Snapshot(model.DefaultOptions())
		made, err := access.Make(snapshot)
		if err != nil {
			t.Fatal(err)
		}
		var b strings.Builder
		for i := range made {
			text, err := made[i].YAML()
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&b, "---\n%s", text)
		}
		archivetest.Want(t, *update, file, archive, b.String())
	})
}

// TestReceived: proxies have a filter after the delay, and that of a namespace whatever becomes of its
// content.
func TestReceived(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	own, gateway := access.Object("shop"), diag.Object{Kind: "EnvoyFilter", Namespace: "ingress", Name: "public-edge-overrides"}
	seen := func(content string) []plan.Observed {
		return []plan.Observed{{Object: own, Managed: []byte(content)}, {Object: gateway, Managed: []byte(content)}}
	}
	w := edge.Writes{
		Wanted:  []encoded.Object{{Object: own, JSON: []byte("new")}, {Object: gateway, JSON: []byte("new")}},
		Written: map[diag.Object]time.Time{own: now, gateway: now}, Now: now, Delay: time.Second,
	}
	both := []diag.Object{own, gateway}
	for _, c := range []struct {
		what     string
		observed []plan.Observed
		after    time.Duration
		before   []diag.Object
		want     []diag.Object
		again    bool
	}{
		{"not there", nil, time.Minute, both, nil, false},
		{"just written", seen("new"), 0, nil, nil, true},
		{"written long ago", seen("new"), time.Second, nil, both, false},
		{"changed", seen("new"), 0, both, both[:1], true},
		{"to be changed", seen("old"), time.Minute, both, both[:1], false},
	} {
		w.Observed, w.Now = c.observed, now.Add(c.after)
		got, again := access.Received(&w, c.before)
		if !slices.Equal(got, c.want) || again.IsZero() == c.again {
			t.Errorf("%s: %v, again %v", c.what, got, again)
		}
	}
}

// TestNeeded: a filter is needed while rows count on it.
func TestNeeded(t *testing.T) {
	t.Parallel()
	rows := plan.Observed{
		Object:  diag.Object{Kind: "VirtualService", Namespace: "lab", Name: "cart-overrides"},
		Managed: []byte(`{"spec":{"http":[{"match":[{"sourceNamespace":"shop"}]}]}}`),
	}
	filters := []plan.Observed{{Object: access.Object("shop")}, {Object: access.Object("lab")}, {Object: diag.Object{Kind: "EnvoyFilter", Namespace: "shop", Name: "other"}}}
	if got, want := access.Needed(filters, access.HasRows([]plan.Observed{rows})), []diag.Object{access.Object("shop")}; !slices.Equal(got, want) {
		t.Errorf("%v, want %v", got, want)
	}
	if got := access.Needed(filters, access.HasRows(filters)); len(got) > 0 {
		t.Errorf("without rows: %v", got)
	}
}
