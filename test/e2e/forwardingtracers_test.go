package e2e_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// tracers are programs with the instrumentation of OpenTelemetry, by language, which
// testdata/tracers/install makes in the folder that tracersFolder names.
var tracers = []string{"tracer-go", "tracer-python", "tracer-node"}

const tracersFolder = "OVERRIDES_TRACERS"

// tracerImages are the tracers that are there.
func tracerImages() map[string]string {
	images := map[string]string{}
	for _, name := range tracers {
		program := filepath.Join(os.Getenv(tracersFolder), name)
		if _, err := os.Stat(program); err == nil && filepath.IsAbs(program) {
			images[name] = program
		}
	}
	return images
}

// TestForwardingTracers sends requests along a chain of programs that OpenTelemetry instruments. Each
// makes spans of its own, passes on tracestate with all its members, and with it the override.
func TestForwardingTracers(t *testing.T) {
	t.Parallel()
	images := tracerImages()
	if images[tracers[0]] == "" {
		t.Skip("needs the programs of testdata/tracers/install, in the folder of " + tracersFolder)
	}
	in := func(i int) string {
		if images[tracers[i]] == "" {
			t.Logf("there is no %s here: %s takes its place", tracers[i], tracers[0])
			return tracers[0]
		}
		return tracers[i]
	}
	f := &forwardingMesh{accessMesh{
		front:   front{mesh: mesh(t), namespaces: []string{forwardingNamespace + "-tracers"}},
		clients: map[string]*http.Client{}, keys: newIssuer(t), users: newIssuer(t), own: newIssuer(t),
	}}
	f.apply(t, "testdata/forwarding-tracers.yaml", "", "FIRST", in(0), "SECOND", in(1), "THIRD", in(2))
	f.openClients(t, map[string][2]string{"caller": {f.namespaces[0], "app=caller"}})
	f.settle(t)
	f.applyPolicies(t, "forwarding-tracers.yaml", "forwarding-tracers-policies.yaml")
	const vendors = "vendor=abc,rojo=00f067aa0ba902b7"
	through := func(version string) string {
		return "tracer-1:v1 → tracer-2:v1 → tracer-3:v1 → leaf-1:" + version
	}
	f.awaitAt(t, "caller", lines("X-Override", "leaf-1:v2", "Traceparent", traceParent, "Tracestate", vendors), "tracer-1", through("v2"))
	for range 50 {
		for override, want := range map[string]string{"leaf-1:v2": "v2", "leaf-9:v2,*:v2": "v2", "leaf-1:v1": "v1", "": "v1"} {
			sent := lines("Traceparent", traceParent, "Tracestate", vendors)
			if override != "" {
				sent.Set("X-Override", override)
			}
			answer, failure := f.ask(t, "caller", sent, "tracer-1."+f.namespaces[0])
			if got := answer.String(); failure != "" || got != through(want) {
				t.Fatalf("%q leads to %s %s", override, got, failure)
			}
			spans := map[string]bool{}
			for i, hop := range hops(answer) {
				parent, state := hop.Request.Headers.Get("Traceparent"), hop.Request.Headers.Get("Tracestate")
				if spans[parent] = true; !strings.HasPrefix(parent, traceParent[:36]) || len(spans) != i+1 {
					t.Errorf("%q arrives at %s with the span %s", override, hop.Service, parent)
				}
				if !strings.HasSuffix(state, vendors) || strings.Contains(state, "x-override") != (override != "") {
					t.Errorf("%q arrives at %s with %s", override, hop.Service, state)
				}
			}
		}
	}
}
