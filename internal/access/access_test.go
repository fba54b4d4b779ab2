package access_test

import (
	"flag"
	"slices"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/access"
	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/diag"
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
		made, err := access.Make(archivetest.Snapshot(t, string(archive.Files[0].Data)))
		if err != nil {
			t.Fatal(err)
		}
		archivetest.Want(t, *update, file, archive, archivetest.YAML(t, made))
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

// TestReceivedWithForwarding: the filter of a namespace does not count while sidecars may have a
// filter that brings back bare headers.
func TestReceivedWithForwarding(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	own, forwarding := access.Object("shop"), model.ForwardingFilter("shop")
	seen := func(content string) []plan.Observed {
		out := []plan.Observed{{Object: own}}
		if content != "" {
			out = append(out, plan.Observed{Object: forwarding, Managed: []byte(content)})
		}
		return out
	}
	wanted := []encoded.Object{{Object: own}, {Object: forwarding, JSON: []byte("tokens")}}
	for _, c := range []struct {
		what    string
		wanted  []encoded.Object
		content string
		changed time.Duration
		before  []diag.Object
		want    bool
	}{
		{"carries headers", wanted, "headers", -time.Minute, nil, false},
		{"has just been changed", wanted, "tokens", 0, nil, false},
		{"was changed", wanted, "tokens", -time.Second, nil, true},
		{"is to be deleted", wanted[:1], "headers", -time.Minute, nil, false},
		{"has just been deleted", wanted[:1], "", 0, nil, false},
		{"was deleted", wanted[:1], "", -time.Second, nil, true},
		{"comes later", wanted, "headers", 0, []diag.Object{own}, true},
	} {
		w := edge.Writes{
			Wanted: c.wanted, Observed: seen(c.content), Started: now.Add(-time.Hour), Now: now, Delay: time.Second,
			Written: map[diag.Object]time.Time{forwarding: now.Add(c.changed)},
		}
		got, again := access.Received(&w, c.before)
		if slices.Contains(got, own) != c.want {
			t.Errorf("the forwarding filter %s: %v", c.what, got)
		}
		if later := c.changed == 0 && len(c.before) == 0; again.IsZero() == later {
			t.Errorf("the forwarding filter %s: again at %v", c.what, again)
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
