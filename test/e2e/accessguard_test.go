package e2e_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// accessGuard is a part of what a policy with access: Token becomes. Without it, an attack comes through.
type accessGuard struct {
	what string
	// resource and name are the object, and take takes the part out of its specification.
	resource schema.GroupVersionResource
	name     string
	take     cutting
	// from calls service-3 with lines; with atPod, by the address of a released pod.
	from  string
	lines http.Header
	atPod bool
	// come is what the attack gets then.
	come string
}

// accessGuards are all of them.
func (a *accessMesh) accessGuards(t *testing.T) []accessGuard {
	t.Helper()
	networking := schema.GroupVersion{Group: "networking.istio.io", Version: "v1"}
	filters, routes := envoyFilters, networking.WithResource("virtualservices")
	bare, forged := http.Header{"X-Override": {"service-3:v2"}}, http.Header{"X-Override-Token": {a.own.override(t, "service-3:v2")}}
	filter := func(what string, take cutting, from string, lines http.Header, come string) accessGuard {
		return accessGuard{what, filters, "tokens-overrides", take, from, lines, strings.Contains(come, " got "), come}
	}
	const out, in = "SIDECAR_OUTBOUND", "SIDECAR_INBOUND"
	return []accessGuard{
		filter("the header on the way out", onSide(out, withoutMutation("x-override")), "service-2", bare, "service-3:v2"),
		filter("signatures on the way out", onSide(out, attackersKeys), "service-2", forged, "service-3:v2"),
		filter("the header in an older sidecar", onSide(out, withoutFilter("overrides.remove")), "older", bare, "service-3:v2"),
		{"the caller's namespace", routes, "service-3-overrides", anyCaller, "open", bare, false, "service-3:v2"},
		filter("the header on the way in", onSide(in, unremoved("x-override")), "open", bare, "service-3:v1 got x-override: service-3:v2"),
		filter("baggage on the way in", onSide(in, withoutFilter("overrides.carriers")), "open", http.Header{"Baggage": {"override=v2"}}, "service-3:v1 got baggage: override=v2"),
		filter("the ID on the way in", onSide(in, unremoved("x-override-id")), "open", http.Header{"X-Override-Id": {"1"}}, "service-3:v1 got x-override-id: 1"),
		filter("signatures on the way in", onSide(in, attackersKeys), "open", forged, "service-3:v1 got x-override-id: 1, x-override: service-3:v2"),
	}
}

// onSide takes something out of the parts for one side of calls.
func onSide(side string, take cutting) cutting {
	return func(t *testing.T, spec map[string]any, keys *attackKeys) {
		t.Helper()
		var all, of []any
		for _, p := range spec["configPatches"].([]any) {
			if context, _, _ := unstructured.NestedString(p.(map[string]any), "match", "context"); context == side {
				of = append(of, p)
			} else {
				all = append(all, p)
			}
		}
		part := map[string]any{"configPatches": of}
		take(t, part, keys)
		spec["configPatches"] = append(all, part["configPatches"].([]any)...)
	}
}

// withoutFilter takes out the filter of requests of a name.
func withoutFilter(name string) cutting {
	return func(t *testing.T, spec map[string]any, _ *attackKeys) {
		t.Helper()
		patches := spec["configPatches"].([]any)
		at := slices.IndexFunc(patches, func(p any) bool {
			got, _, _ := unstructured.NestedString(p.(map[string]any), "patch", "value", "name")
			return got == name
		})
		if at < 0 {
			t.Fatalf("there is no filter %s", name)
		}
		spec["configPatches"] = slices.Delete(patches, at, at+1)
	}
}

// unremoved leaves a header as it comes. Where the filter of tokens looks at every request, as it does for
// those of users, it removes the headers that it makes, too.
func unremoved(header string) cutting {
	return func(t *testing.T, spec map[string]any, keys *attackKeys) {
		t.Helper()
		withoutMutation(header)(t, spec, keys)
		withoutFilter("overrides.token")(t, spec, keys)
	}
}

// anyCaller takes the namespaces of callers out of all rows.
func anyCaller(t *testing.T, spec map[string]any, _ *attackKeys) {
	t.Helper()
	some := false
	for _, row := range spec["http"].([]any) {
		matches, _ := row.(map[string]any)["match"].([]any)
		for _, m := range matches {
			some = some || m.(map[string]any)["sourceNamespace"] != nil
			delete(m.(map[string]any), "sourceNamespace")
		}
	}
	if !some {
		t.Fatal("no row asks for a caller's namespace")
	}
}

// takeOut takes each guard out, alone, until its attack comes through; then the guard comes back.
func (a *accessMesh) takeOut(t *testing.T) {
	t.Helper()
	client, err := dynamic.NewForConfig(a.mesh.Config)
	if err != nil {
		t.Fatal(err)
	}
	pod, err := a.mesh.Pod(t.Context(), accessNamespace, "app=service-3,version=v1")
	if err != nil {
		t.Fatal(err)
	}
	for _, g := range a.accessGuards(t) {
		t.Run(g.what, func(t *testing.T) {
			to := "service-3." + accessNamespace
			if g.atPod {
				to = pod.IP + ":8080"
			}
			o := &stored{client.Resource(g.resource).Namespace(accessNamespace), g.name}
			o.without(
				t, func(spec map[string]any) { g.take(t, spec, &attackKeys{evil: a.own}) },
				func() { a.awaitSeen(t, &g, to, g.come) }, func() { a.awaitSeen(t, &g, to, "service-3:v1") },
			)
		})
	}
}

// awaitSeen waits until an attack gets something.
func (a *accessMesh) awaitSeen(t *testing.T, g *accessGuard, to, want string) {
	t.Helper()
	programtest.Eventually(t, time.Minute, 50*time.Millisecond, g.what, func(context.Context) string {
		a.clients[g.from].CloseIdleConnections()
		if got := a.seen(t, g.from, g.lines, to); got != want {
			return got
		}
		return ""
	})
}
