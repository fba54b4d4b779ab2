package istio_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/tools/txtar"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/test/istio/oracle"
	"github.com/overrides-mesh/overrides/test/istio/validate"
)

// withGrants returns the manifests of a gateway that takes overrides from tokens, with n live
// grants, and their IDs.
func withGrants(t *testing.T, file string, n int) ([]byte, []string) {
	t.Helper()
	archive, err := txtar.ParseFile("../../internal/compile/testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	text, _, _ := strings.Cut(string(archive.Files[0].Data), "---\napiVersion: overrides.mesh/v1alpha1\nkind: OverrideGrant\n")
	var out strings.Builder
	out.WriteString(text)
	random := rand.New(rand.NewPCG(1, uint64(n)))
	var ids []string
	for i := range n {
		id := grammar.GrantPrefix
		for range 12 {
			id += string("abcdefghijklmnopqrstuvwxyz234567"[random.IntN(32)])
		}
		ids = append(ids, id)
		fmt.Fprintf(&out, `---
apiVersion: overrides.mesh/v1alpha1
kind: OverrideGrant
metadata: {name: g%d, namespace: shop, creationTimestamp: %q}
spec: {overrides: "*:v2", requester: {username: ada}}
status: {id: %s, overrides: "*.shop:v2", conditions: [{type: Accepted, status: "True", reason: Accepted, lastTransitionTime: "2026-11-30T12:00:00Z", message: ""}]}
`, i, time.Date(2026, 1, 1, 0, 0, i, 0, time.UTC).Format(time.RFC3339), id)
	}
	return []byte(out.String()), ids
}

// TestManyGrants: Istio accepts the routes for any number of grants, and the API server their size.
// istiod's configuration leads the tokens of those that are listed to the version, and no other.
func TestManyGrants(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"gateway/grants.txtar", "kubernetes/token-grants.txtar"} {
		for _, n := range []int{0, 1, 1_000, 10_000, 20_000} {
			manifests, ids := withGrants(t, file, n)
			start := time.Now()
			c, err := readCluster(t.Context(), manifests)
			if err != nil {
				t.Fatal(err)
			}
			took := time.Since(start)
			report, err := validate.Objects(c.made)
			if err != nil || len(report.Errors) > 0 {
				t.Fatalf("%d grants: %v %v", n, report.Errors, err)
			}
			largest := 0
			for i := range c.objects {
				largest = max(largest, len(c.objects[i].JSON))
			}
			if largest > istio.MaxObjectBytes || slices.ContainsFunc(c.diags, func(d diag.Diagnostic) bool { return d.Code == diag.ObjectTooLarge }) {
				t.Errorf("%d grants: an object has %d bytes", n, largest)
			}
			at := slices.IndexFunc(c.result.Tables, func(t route.Table) bool { return t.Grants != nil })
			listed := c.result.Tables[at].Grants.IDs
			all := !slices.ContainsFunc(c.diags, func(d diag.Diagnostic) bool { return d.Code == diag.TooManyGrants })
			if all != (len(listed) == n) || !slices.Equal(slices.Sorted(slices.Values(ids[:len(listed)])), listed) {
				t.Errorf("%d grants: %d are listed, and these are all: %v", n, len(listed), all)
			}
			t.Logf("%s: %d grants, %d listed: %d bytes, read and compiled in %v", file, n, len(listed), largest, took)
		}
	}
}

// TestGrantsInIstio: in the configuration that istiod makes, a request with an override goes to the
// version if its token is offline or of a live grant, and otherwise where it goes without one.
func TestGrantsInIstio(t *testing.T) {
	manifests, live := withGrants(t, "gateway/grants.txtar", 200)
	c, err := readCluster(t.Context(), manifests)
	if err != nil {
		t.Fatal(err)
	}
	w := &world{cluster: c, pinned: c.pin()}
	if w.before, w.after, err = w.load(oracle.Options{}); err != nil {
		t.Fatal(err)
	}
	defer closeAll(w.before, w.after)
	proxy := oracle.Proxy{Namespace: "istio-system", Labels: map[string]string{"istio": "ingressgateway"}, Gateway: true}
	check(t, func(t *rapid.T) {
		kinds := map[string]func() []string{
			"live":    func() []string { return []string{rapid.SampledFrom(live).Draw(t, "live")} },
			"offline": func() []string { return []string{rapid.StringMatching(`[0-9a-f-]{8,36}`).Draw(t, "offline")} },
			"dead":    func() []string { return []string{"grant." + rapid.StringMatching(`[a-z2-7]{12}`).Draw(t, "dead")} },
			"none":    func() []string { return nil },
			"prefix":  func() []string { return []string{rapid.SampledFrom(live).Draw(t, "live")[:17]} },
			"longer":  func() []string { return []string{rapid.SampledFrom(live).Draw(t, "live") + "a"} },
			"two":     func() []string { return []string{rapid.SampledFrom(live).Draw(t, "live"), "grant.aaaaaaaaaaaa"} },
			"mixed":   func() []string { return []string{"b7e4d6c2", "grant.aaaaaaaaaaaa"} },
		}
		kind := rapid.SampledFrom([]string{"live", "offline", "dead", "none", "prefix", "longer", "two", "mixed"}).Draw(t, "kind")
		asked := oracle.Request{Port: 80, Method: "GET", Scheme: "http", Path: "/", Authority: "shop.example.com", Header: map[string][]string{"x-override": {rapid.SampledFrom([]string{"web:v2", "*:v2", "web:v2;strict", "x:y, web.shop:v2"}).Draw(t, "asked")}}}
		if ids := kinds[kind](); ids != nil {
			asked.Header["x-override-id"] = ids
		}
		followed := kind == "live" || kind == "offline" || kind == "none"
		for i, a := range w.ages() {
			answer, err := w.after[i].Send(proxy, asked)
			if err != nil {
				t.Fatal(err)
			}
			want := "outbound|80|overrides-released|web.shop.svc.cluster.local"
			if followed {
				want = "outbound|80|override-v2|web.shop.svc.cluster.local"
			}
			removed := answer.Route.GetRequestHeadersToRemove()
			if len(answer.Destinations) != 1 || answer.Destinations[0].Cluster != want || followed == slices.Contains(removed, "x-override-token") {
				t.Fatalf("%s, %s: %+v goes to %v, and loses %v", a.name, kind, asked, answer.Destinations, removed)
			}
		}
	})
}
