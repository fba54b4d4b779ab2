package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// takenOut is a part of what a policy becomes. Without it, the attacks that it holds off come
// through.
type takenOut struct {
	// guard is what the rows call it, in a mode.
	guard, mode string
	// of is the object, and take takes the part out of its specification.
	of   schema.GroupVersionResource
	name string
	take cutting
	// come is a part of what an attack gets then.
	come string
}

// cutting takes a part out of a specification.
type cutting func(t *testing.T, spec map[string]any, keys *attackKeys)

var envoyFilters = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1alpha3", Resource: "envoyfilters"}

// stored is an object of the cluster.
type stored struct {
	objects dynamic.ResourceInterface
	name    string
}

// without takes a part out of the specification for the time of a step. Then, also if that fails,
// the part comes back, and held waits until it is in force.
func (o *stored) without(t *testing.T, take func(spec map[string]any), step, held func()) {
	t.Helper()
	whole, err := o.objects.Get(t.Context(), o.name, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	changed := whole.DeepCopy()
	take(changed.Object["spec"].(map[string]any))
	if changed, err = o.objects.Update(t.Context(), changed, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	defer func() {
		whole.SetResourceVersion(changed.GetResourceVersion())
		if _, err := o.objects.Update(t.Context(), whole, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		held()
	}()
	step()
}

// partsTakenOut are all of them.
func partsTakenOut() []takenOut {
	filter := func(mode, guard, come string, take cutting) takenOut {
		return takenOut{guard, mode, envoyFilters, "public-edge-overrides", take, come}
	}
	rule := func(guard string, i int) takenOut {
		return takenOut{guard, "TokenHard", schema.GroupVersionResource{Group: "security.istio.io", Version: "v1", Resource: "authorizationpolicies"}, "public-require-overrides", withoutRule(i), "v2"}
	}
	return []takenOut{
		filter("Token", "header", "v2", withoutMutation("x-override")),
		filter("Token", "baggage", "v2", withoutFilter("overrides.carriers")),
		filter("Token", "signature", "v2", attackersKeys),
		filter("Token", "audience", "v2", withoutField("audiences")),
		filter("Token", "issuer", "v2", withoutField("issuer")),
		filter("Token", "lifetime", "v2", withoutField("max_lifetime", "require_expiration")),
		filter("Token", "own header", "v2", anyPlace),
		filter("Token", "link header", "303 ", withoutMutation("x-override-link")),
		filter("Token", "link path", "evil", withoutMutation("x-override-link-path")),
		filter("Token", "signature", "status 401", withoutPassing), // requests with other tokens are refused then
		filter("TokenHard", "order", "v2", behindOthers),
		rule("claim", 0),
		rule("claim's issuer", 1),
	}
}

// withoutField takes out what the filter of tokens asks of them.
func withoutField(names ...string) cutting {
	return func(t *testing.T, spec map[string]any, _ *attackKeys) {
		t.Helper()
		for _, name := range names {
			p := provider(t, spec)
			if p[name] == nil {
				t.Fatalf("the filter has no %s", name)
			}
			delete(p, name)
		}
	}
}

// anyPlace has tokens checked wherever a filter of Envoy's looks for them, and in requests without
// the header of tokens too: each of the two alone keeps other places out.
func anyPlace(t *testing.T, spec map[string]any, keys *attackKeys) {
	t.Helper()
	withoutField("from_headers")(t, spec, keys)
	for _, r := range tokenConfig(t, spec)["rules"].([]any) {
		match := r.(map[string]any)["match"].(map[string]any)
		if match["headers"] == nil {
			t.Fatal("the filter checks requests without the header of tokens")
		}
		delete(match, "headers")
	}
}

// withoutRule takes out a rule of the guard.
func withoutRule(i int) cutting {
	return func(_ *testing.T, spec map[string]any, _ *attackKeys) {
		spec["rules"] = slices.Delete(spec["rules"].([]any), i, i+1)
	}
}

// attackersKeys has the signatures of an attacker checked: a filter of Envoy's can't check none.
func attackersKeys(t *testing.T, spec map[string]any, keys *attackKeys) {
	t.Helper()
	provider(t, spec)["local_jwks"] = map[string]any{"inline_string": keys.evil.keys(t)}
}

// withoutPassing lets no request without a valid token pass.
func withoutPassing(t *testing.T, spec map[string]any, _ *attackKeys) {
	t.Helper()
	for _, r := range tokenConfig(t, spec)["rules"].([]any) {
		r.(map[string]any)["requires"] = map[string]any{"provider_name": "overrides"}
	}
}

// behindOthers has tokens checked by the last filter instead of the first one.
func behindOthers(t *testing.T, spec map[string]any, _ *attackKeys) {
	t.Helper()
	p := tokenPatch(t, spec)
	p["patch"].(map[string]any)["operation"] = "INSERT_BEFORE"
	if err := unstructured.SetNestedField(p, "envoy.filters.http.router", "match", "listener", "filterChain", "filter", "subFilter", "name"); err != nil {
		t.Fatal(err)
	}
}

// takeOut takes each guard of a mode out, alone, until one of its attacks comes through; then the guard
// comes back.
func (s *siege) takeOut(t *testing.T, m *attackMode, rows []attack) {
	t.Helper()
	client, err := dynamic.NewForConfig(s.mesh.Config)
	if err != nil {
		t.Fatal(err)
	}
	for _, part := range partsTakenOut() {
		if part.mode != m.name {
			continue
		}
		t.Run(part.guard+" "+part.come, func(t *testing.T) {
			o := &stored{client.Resource(part.of).Namespace(attackNamespace), part.name}
			o.without(
				t, func(spec map[string]any) { part.take(t, spec, s.keys) },
				func() { s.awaitThrough(t, m, &part, rows) }, func() { s.awaitHeld(t, m, guardedBy(part.guard, rows)) },
			)
		})
	}
}

// guardedBy are the attacks that a guard holds off in a mode, sent as plain requests.
func guardedBy(guard string, rows []attack) []attack {
	var out []attack
	for _, a := range rows {
		if a.guard == guard && a.goes(&wires[0]) {
			out = append(out, a)
		}
	}
	return out
}

// awaitThrough waits until all attacks that a guard holds off get something else without it, and one
// of them what it is for.
func (s *siege) awaitThrough(t *testing.T, m *attackMode, part *takenOut, rows []attack) {
	t.Helper()
	all := guardedBy(part.guard, rows)
	programtest.Eventually(t, 30*time.Second, 50*time.Millisecond, part.guard, func(ctx context.Context) string {
		come := false
		var held []string
		for _, a := range all {
			got, err := s.browse(ctx, m, &wires[0], a.request(m, &wires[0], s.users))
			if err != nil || got.text == a.expected(m, &wires[0]) {
				held = append(held, fmt.Sprintf("%s gets %q %v", a.name, got.text, err))
			}
			come = come || strings.Contains(got.text, part.come)
		}
		if !come {
			held = append(held, "none comes through")
		}
		return strings.Join(held, "\n")
	})
	t.Logf("%d come through", len(all))
}

// awaitHeld waits until attacks are held off again.
func (s *siege) awaitHeld(t *testing.T, m *attackMode, rows []attack) {
	t.Helper()
	programtest.Eventually(t, 30*time.Second, 50*time.Millisecond, "the guard is back", func(ctx context.Context) string {
		for _, a := range rows {
			if got, err := s.browse(ctx, m, &wires[0], a.request(m, &wires[0], s.users)); err != nil || got.text != a.expected(m, &wires[0]) {
				return fmt.Sprintf("%s gets %q %v", a.name, got.text, err)
			}
		}
		return ""
	})
}

// withoutMutation takes out the change of a header that comes before all filters.
func withoutMutation(header string) cutting {
	return func(t *testing.T, spec map[string]any, _ *attackKeys) {
		t.Helper()
		for _, p := range spec["configPatches"].([]any) {
			extensions, has, _ := unstructured.NestedSlice(p.(map[string]any), "patch", "value", "typed_config", "early_header_mutation_extensions")
			if !has {
				continue
			}
			config := extensions[0].(map[string]any)["typed_config"].(map[string]any)
			mutations := config["mutations"].([]any)
			at := slices.IndexFunc(mutations, func(m any) bool {
				return m.(map[string]any)["remove"] == header
			})
			if at < 0 {
				t.Fatalf("nothing changes %s", header)
			}
			config["mutations"] = slices.Delete(mutations, at, at+1)
			if err := unstructured.SetNestedSlice(p.(map[string]any), extensions, "patch", "value", "typed_config", "early_header_mutation_extensions"); err != nil {
				t.Fatal(err)
			}
			return
		}
		t.Fatal("there are no changes of headers")
	}
}

// tokenPatch is the patch that adds the filter of tokens.
func tokenPatch(t *testing.T, spec map[string]any) map[string]any {
	t.Helper()
	for _, p := range spec["configPatches"].([]any) {
		if name, _, _ := unstructured.NestedString(p.(map[string]any), "patch", "value", "name"); name == "overrides.token" {
			return p.(map[string]any)
		}
	}
	t.Fatal("there is no filter of tokens")
	return nil
}

// tokenConfig is the configuration of the filter of tokens, and provider what it says of them.
func tokenConfig(t *testing.T, spec map[string]any) map[string]any {
	t.Helper()
	return tokenPatch(t, spec)["patch"].(map[string]any)["value"].(map[string]any)["typed_config"].(map[string]any)
}

func provider(t *testing.T, spec map[string]any) map[string]any {
	t.Helper()
	return tokenConfig(t, spec)["providers"].(map[string]any)["overrides"].(map[string]any)
}
