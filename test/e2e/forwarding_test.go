package e2e_test

import (
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

const (
	forwardingNamespace = "forwarding"
	carriedTokens       = forwardingNamespace + "-token"
	// traceParent is a trace that all requests may have in common.
	traceParent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
)

// TestForwarding sends requests along chains of programs that pass on nothing but x-request-id, or
// nothing but the headers of traces. Sidecars carry the overrides of a request, of nobody else, and
// leave ordinary requests as they are.
func TestForwarding(t *testing.T) {
	t.Parallel()
	f := openForwarding(t)
	t.Run("Followed", func(t *testing.T) { f.followed(t) })
	t.Run("Ordinary", func(t *testing.T) { f.untouched(t) })
	t.Run("Limits", func(t *testing.T) { f.limits(t) })
	t.Run("At once", func(t *testing.T) { f.atOnce(t) })
	t.Run("Spoofs", func(t *testing.T) { f.spoofed(t) })
	t.Run("Outside", func(t *testing.T) { f.outside(t) })
	t.Run("Tokens", func(t *testing.T) { f.tokensCarried(t) })
	t.Run("Taken out", func(t *testing.T) { f.withoutScripts(t) })
}

// forwardingMesh is the chains, and a client in some pods.
type forwardingMesh struct{ accessMesh }

func openForwarding(t *testing.T) *forwardingMesh {
	t.Helper()
	f := &forwardingMesh{accessMesh{
		front:   front{mesh: mesh(t), namespaces: []string{forwardingNamespace, carriedTokens, forwardingNamespace + "-open"}},
		clients: map[string]*http.Client{}, keys: newIssuer(t), users: newIssuer(t), own: newIssuer(t),
	}}
	f.apply(t, "testdata/forwarding.yaml", "")
	f.openClients(t, map[string][2]string{
		"open":           {forwardingNamespace + "-open", "app=caller"},
		"id-1":           {forwardingNamespace, "app=id-1"},
		"with tokens":    {carriedTokens, "app=id-1"},
		"called, tokens": {carriedTokens, "app=state-1"},
	})
	f.findGateways(t, forwardingNamespace+"-open")
	f.client = f.newClient(t)
	f.settle(t)
	f.applyPolicies(t, "forwarding.yaml", "forwarding-policies.yaml")
	for _, kind := range []string{"id", "state"} {
		f.awaitAt(t, "open", lines("X-Override", "leaf-1:v2", "Traceparent", traceParent), kind+"-1", path(kind, "v2", "v1"))
		f.awaitAt(t, "open", lines("X-Override-Token", f.keys.override(t, "leaf-1:v2"), "Traceparent", traceParent),
			kind+"-1."+carriedTokens, kind+"-1:v1 → leaf-1:v2")
	}
	return f
}

// lines are headers, of names and values.
func lines(pairs ...string) http.Header {
	out := http.Header{}
	for i := 0; i < len(pairs); i += 2 {
		out[pairs[i]] = append(out[pairs[i]], pairs[i+1])
	}
	return out
}

// path is that of a chain whose leaves have some versions.
func path(kind, first, second string) string {
	return fmt.Sprintf("%s-1:v1 → %s-2:v1 → (leaf-1:%s, leaf-2:%s)", kind, kind, first, second)
}

// followed sends overrides in all forms.
func (f *forwardingMesh) followed(t *testing.T) {
	t.Helper()
	for _, c := range []struct {
		lines         http.Header
		first, second string
	}{
		{lines("X-Override", "leaf-1:v2"), "v2", "v1"},
		{lines("X-Override", "leaf-1:v2, leaf-2:v2"), "v2", "v2"},
		{lines("X-Override", "leaf-2:v2", "X-Override", "leaf-1:v2"), "v2", "v2"},
		{lines("X-Override", " leaf-2."+forwardingNamespace+":v2 ; strict "), "v1", "v2"},
		{lines("X-Override", "leaf-2:v2;unknown=1,leaf-1:v2"), "v2", "v1"},
		{lines("X-Override", "*:v2"), "v2", "v2"},
		{lines("Baggage", "override.leaf-1=v2"), "v2", "v1"},
		{lines("Baggage", "a=b, override.leaf-2 = v2;p=q, overrides=x"), "v1", "v2"},
		{lines("Baggage", "override=v2"), "v2", "v2"},
		{lines("X-Override", "leaf-1:v2", "Baggage", "override.leaf-2=v2"), "v2", "v2"},
		{lines("X-Override", "leaf-1:v2", "X-Request-Id", "not a UUID"), "v2", "v1"},
		{lines("X-Override", "leaf-1:v2", "Tracestate", "vendor=abc, rojo=1"), "v2", "v1"},
		{lines("X-Override", "leaf-1:v2", "Tracestate", "vendor=abc", "Tracestate", "rojo=1"), "v2", "v1"},
		{lines("X-Override", "leaf-1:v2", "X-Override-Token", f.keys.override(t, "leaf-2:v2")), "v2", "v1"},
		{lines("X-Override", "leaf-9:v2"), "v1", "v1"},
		{lines("X-Override", "leaf-1:v2~x, leaf-2:v2!x"), "v1", "v1"},
	} {
		for _, kind := range []string{"id", "state"} {
			c.lines.Set("Traceparent", traceParent)
			if got, want := f.send(t, "open", c.lines, kind+"-1"), path(kind, c.first, c.second); got != want {
				t.Errorf("%v leads to %s, want %s", c.lines, got, want)
			}
		}
	}
	// Without a trace, x-request-id alone is there.
	if got, want := f.send(t, "open", lines("X-Override", "leaf-1:v2"), "id-1"), path("id", "v2", "v1"); got != want {
		t.Errorf("without a trace: %s, want %s", got, want)
	}
	// What is brought back is what came.
	answer, failure := f.ask(t, "open", lines("Baggage", "override.leaf-1=v2, override.leaf-2=v2", "X-Override", "leaf-2:v1,leaf-1:v2"), "id-2."+forwardingNamespace)
	if failure != "" {
		t.Fatal(failure)
	}
	for _, leaf := range answer.Calls {
		if got := leaf.Request.Headers; got.Get("X-Override") != "leaf-2:v1,leaf-1:v2" || got.Get("Baggage") != "override.leaf-1=v2,override.leaf-2=v2" {
			t.Errorf("%s receives %v", leaf.Service, got)
		}
	}
}

// untouched sends ordinary requests: every program receives the same headers as were sent.
func (f *forwardingMesh) untouched(t *testing.T) {
	t.Helper()
	for _, sent := range []http.Header{
		lines("X-Request-Id", "0af76519-16cd-43dd-8448-eb211c80319c"),
		lines("X-Request-Id", "my ~ id~x", "Tracestate", "vendor=abc ,\trojo=1,,"),
		lines("Tracestate", "overrides=leaf-1:v2,x-overrides=1,y@x-override=leaf-1:v2"),
		lines("Tracestate", "vendor=abc", "Tracestate", "x=y", "Baggage", "a=b, overrides=c"),
		lines("X-Request-Id", "x-override~leaf-1:v2", "Tracestate", "a=x-override=leaf-1:v2"),
		lines("X-Request-Id", "~"),
	} {
		for kind, names := range map[string][]string{"id": {"X-Request-Id"}, "state": {"Traceparent", "Tracestate"}} {
			sent.Set("Traceparent", traceParent)
			answer, failure := f.ask(t, "open", sent, kind+"-1."+forwardingNamespace)
			if failure != "" || answer.String() != path(kind, "v1", "v1") {
				t.Errorf("%v leads to %s %s", sent, answer.String(), failure)
				continue
			}
			for _, hop := range hops(answer) {
				for _, name := range names {
					if want := sent[name]; want != nil && strings.Join(hop.Request.Headers[name], "|") != strings.Join(want, "|") {
						t.Errorf("%s: %q of %q arrives at %s as %q", kind, name, want, hop.Service, hop.Request.Headers[name])
					}
				}
			}
		}
	}
}

// hops are all services that a request has reached.
func hops(a chain.Answer) []chain.Answer {
	out := []chain.Answer{a}
	for _, c := range a.Calls {
		out = append(out, hops(c)...)
	}
	return out
}

// limits sends tracestates that have room for an override, and none.
func (f *forwardingMesh) limits(t *testing.T) {
	t.Helper()
	members := func(n, size int) string {
		var out []string
		for i := range n {
			out = append(out, fmt.Sprintf("k%d=%s", i, strings.Repeat("a", size)))
		}
		return strings.Join(out, ",")
	}
	long := "leaf-1:v2" + strings.Repeat(",leaf-9:v2", 28) // 289 characters
	const entry = len("x-override=leaf-1:v2,")
	for _, c := range []struct {
		override, state string
		rides           bool
	}{
		{"leaf-1:v2", members(31, 1), true},
		{"leaf-1:v2", members(32, 1), false},
		{"leaf-1:v2", members(1, 512-entry-len("k0=")), true},
		{"leaf-1:v2", members(1, 512-entry-len("k0=")+1), false},
		{long, "vendor=abc", true},
		{long + strings.Repeat(",leaf-9:v2", 25), "vendor=abc", false},
	} {
		sent := lines("X-Override", c.override, "Traceparent", traceParent, "Tracestate", c.state)
		answer, failure := f.ask(t, "open", sent, "state-2."+forwardingNamespace)
		if failure != "" {
			t.Fatal(failure)
		}
		want := map[bool]string{true: "v2", false: "v1"}[c.rides]
		if got := answer.Calls[0].Version; got != want {
			t.Errorf("%s beside %s leads to %s", c.override, c.state, got)
		}
		if got := answer.Request.Headers.Get("Tracestate"); !strings.HasSuffix(got, c.state) || c.rides == (got == c.state) || len(got) > 512 && c.rides {
			t.Errorf("%s beside %s arrives as %s", c.override, c.state, got)
		}
		// The program has passed it on, and nothing of the override is left of it on the wire.
		for _, leaf := range answer.Calls {
			if got := leaf.Request.Headers.Get("X-Override"); c.rides && got != c.override {
				t.Errorf("%s arrives at %s as %q", c.override, leaf.Service, got)
			}
		}
	}
}

// atOnce sends requests with four overrides and without one at once, all of one trace.
func (f *forwardingMesh) atOnce(t *testing.T) {
	t.Helper()
	const rounds, workers = 100, 4
	type wish struct{ override, first, second string }
	wishes := []wish{{"leaf-1:v2", "v2", "v1"}, {"leaf-2:v2", "v1", "v2"}, {"*:v2", "v2", "v2"}, {"leaf-1:v1", "v1", "v1"}, {"", "v1", "v1"}, {"", "v1", "v1"}}
	var right, ordinary atomic.Int64
	var wait sync.WaitGroup
	for worker := range workers {
		for i := range wishes {
			wait.Go(func() {
				kind, w := []string{"id", "state"}[worker%2], wishes[i]
				for range rounds {
					sent := lines("Traceparent", traceParent, "X-Request-Id", "0af76519-16cd-43dd-8448-eb211c80319c")
					if w.override != "" {
						sent.Set("X-Override", w.override)
					}
					answer, failure := f.ask(t, "open", sent, kind+"-1."+forwardingNamespace)
					switch got := answer.String(); {
					case failure != "" || got != path(kind, w.first, w.second):
						t.Errorf("%q leads to %s %s", w.override, got, failure)
					case w.override == "":
						ordinary.Add(1)
					default:
						right.Add(1)
					}
				}
			})
		}
	}
	wait.Wait()
	t.Logf("right: %d overridden, %d ordinary", right.Load(), ordinary.Load())
	if right.Load() != 4*rounds*workers || ordinary.Load() != 2*rounds*workers {
		t.Error("some are missing")
	}
}

// withoutScripts takes out parts of the filters, one at a time: what they are for does not work then.
func (f *forwardingMesh) withoutScripts(t *testing.T) {
	t.Helper()
	client, err := dynamic.NewForConfig(f.mesh.Config)
	if err != nil {
		t.Fatal(err)
	}
	filters := client.Resource(envoyFilters)
	carried, spoof := lines("X-Override", "leaf-1:v2", "Traceparent", traceParent), lines("X-Request-Id", "1~x-override~leaf-1:v2")
	token := lines("X-Override-Token", f.keys.override(t, "leaf-1:v2"))
	for _, c := range []struct {
		what, namespace string
		take            func(spec map[string]any)
		lines           http.Header
		to, with, lost  string
	}{
		{"what comes in", forwardingNamespace, func(spec map[string]any) { spec["configPatches"] = spec["configPatches"].([]any)[1:] }, carried, "state-1", path("state", "v2", "v1"), path("state", "v1", "v1")},
		{"what goes out", forwardingNamespace, func(spec map[string]any) { spec["configPatches"] = spec["configPatches"].([]any)[:1] }, carried, "id-1", path("id", "v2", "v1"), path("id", "v1", "v1")},
		{"the removal", forwardingNamespace, withoutRemoval, spoof, "id-1", path("id", "v1", "v1"), path("id", "v2", "v1")},
		{"the place before tokens", carriedTokens, func(spec map[string]any) { spec["priority"] = int64(-1) }, token, "id-1." + carriedTokens, "id-1:v1 → leaf-1:v2", "id-1:v1 → leaf-1:v1"},
	} {
		t.Run(c.what, func(t *testing.T) {
			(&stored{filters.Namespace(c.namespace), "forwarding-overrides"}).without(
				t, c.take,
				func() { f.awaitAt(t, "open", c.lines, c.to, c.lost) }, func() { f.awaitAt(t, "open", c.lines, c.to, c.with) },
			)
		})
	}
}

// withoutRemoval leaves in requests what rides in them when they come in.
func withoutRemoval(spec map[string]any) {
	const script = "default_source_code"
	patch := spec["configPatches"].([]any)[0].(map[string]any)
	config := patch["patch"].(map[string]any)["value"].(map[string]any)["typed_config"].(map[string]any)
	source := config[script].(map[string]any)
	source["inline_string"] = strings.Replace(source["inline_string"].(string), "  cut(headers)\n", "", 1)
}
