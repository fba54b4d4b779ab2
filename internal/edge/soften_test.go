package edge_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/edge"
	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/plan"
)

const softened = `apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: public, namespace: ingress}
spec: {selector: {istio: ingressgateway}, servers: [{port: {name: http, number: 80, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: second, namespace: shop}
spec: {selector: {istio: ingressgateway}, servers: [{port: {name: http, number: 80, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: other, namespace: shop}
spec: {selector: {istio: other}, servers: [{port: {name: http, number: 80, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: overrides.mesh/v1alpha1
kind: GatewayOverridePolicy
metadata: {name: entry, namespace: ingress}
spec:
  targetRef: {group: networking.istio.io, kind: Gateway, name: public}
  require: {issuer: idp.test, claim: team, values: [shop], mode: `

// TestNeeded: the guard of a policy that has become soft stays until all VirtualServices at
// its gateway, and at those with the same pods, ask for the claim, and proxies have these.
func TestNeeded(t *testing.T) {
	t.Parallel()
	const (
		hard   = `{"spec":{"gateways":["shop/second"],"http":[{"match":[{"headers":{"x-override":{"regex":"a"}}}]}]}}`
		soft   = `{"spec":{"gateways":["shop/second"],"http":[{"match":[{"withoutHeaders":{"@request.auth.claims[team]":{"regex":"shop"}}}]},{}]}}`
		beside = `{"spec":{"gateways":["shop/other"],"http":[{}]}}`
	)
	guard := plan.Observed{
		Object:  diag.Object{Kind: "AuthorizationPolicy", Namespace: "ingress", Name: "public-require-overrides"},
		Managed: []byte(`{"metadata":{"annotations":{"overrides.mesh/gateway-policy":"ingress/entry"}}}`),
	}
	routes := func(contents ...string) []plan.Observed {
		out := []plan.Observed{guard}
		for _, content := range contents {
			out = append(out, plan.Observed{Object: diag.Object{Kind: "VirtualService", Namespace: "ingress", Name: content}, Managed: []byte(content)})
		}
		return out
	}
	for name, c := range map[string]struct {
		mode     string
		observed []plan.Observed
		needed   bool
	}{
		"rows are hard":                 {"Soft}", routes(soft, hard), true},
		"rows are soft":                 {"Soft}", routes(soft, beside), false},
		"rows that only pin":            {"Soft}", routes(`{"spec":{"gateways":["ingress/public"],"http":[{"match":[{"uri":{"prefix":"/"}}]}]}}`), false},
		"rows of baggage are hard":      {"Soft}", routes(`{"spec":{"gateways":["ingress/public"],"http":[{"match":[{"headers":{"baggage":{"regex":"a"}}}]}]}}`), true},
		"no rows":                       {"Soft}", routes(), false},
		"the policy is hard":            {"Hard}", routes(hard), false},
		"the guard is another policy's": {"Soft}", append(routes(hard)[1:], plan.Observed{Object: guard.Object, Managed: []byte("{}")}), false},
	} {
		got := edge.Needed(snapshot(t, softened+c.mode), nil, c.observed)
		if slices.Contains(got, guard.Object) != c.needed || len(got) > 1 {
			t.Errorf("%s: %v is needed", name, got)
		}
	}
	at := time.Unix(1000, 0)
	for since, deleted := range map[time.Duration]bool{0: false, orderDelay - 1: false, orderDelay: true} {
		in := edge.Writes{Observed: []plan.Observed{guard}, Now: at.Add(since), Delay: orderDelay, Needed: map[diag.Object]time.Time{guard.Object: at}}
		steps, again := edge.Next(&in)
		if len(steps) == 1 != deleted || !deleted && since > 0 && !again.Equal(at.Add(orderDelay)) {
			t.Errorf("%v after it was needed: %v, again at %v", since, steps, again)
		}
	}
}

// TestNeededForClaims: a filter that keeps what requests bring is not written until all
// VirtualServices at its gateway ask for claims, and proxies have these.
func TestNeededForClaims(t *testing.T) {
	t.Parallel()
	const (
		open    = `{"spec":{"gateways":["ingress/public"],"http":[{"match":[{"headers":{"x-override":{"regex":"a"}}}]}]}}`
		guarded = `{"spec":{"gateways":["ingress/public"],"http":[{"match":[{"headers":{"x-override":{}},"withoutHeaders":{"@request.auth.claims[team]":{"regex":"shop"}}}]},{}]}}`
		pins    = `{"spec":{"gateways":["shop/second"],"http":[{"match":[{"headers":{"x-override":{}}}]}]}}`
		removes = `{"metadata":{"annotations":{"overrides.mesh/gateway-policy":"ingress/entry"}},"spec":{"removes":true}}`
	)
	filter := encoded.Object{
		Object: diag.Object{Kind: "EnvoyFilter", Namespace: "ingress", Name: "public-edge-overrides"},
		JSON:   []byte(`{"metadata":{"annotations":{"overrides.mesh/gateway-policy":"ingress/entry"}}}`),
	}
	policy := strings.Replace(softened, "  require: {issuer: idp.test, claim: team, values: [shop], mode: ",
		`  header: Claim
  claims: {issuer: idp.test, rules: [{claim: team, values: [shop], overrides: ["*:*"]}]}`, 1)
	at := time.Unix(1000, 0)
	for content, needed := range map[string]bool{open: true, guarded: false, pins: false} {
		routes := plan.Observed{Object: diag.Object{Kind: "VirtualService", Namespace: "ingress", Name: "shop"}, Managed: []byte(content)}
		got := edge.Needed(snapshot(t, policy), []encoded.Object{filter}, []plan.Observed{routes})
		if slices.Contains(got, filter.Object) != needed || len(got) > 1 {
			t.Errorf("%s: %v is needed", content, got)
		}
	}
	for since, written := range map[time.Duration]bool{0: false, orderDelay - 1: false, orderDelay: true} {
		for _, before := range [][]plan.Observed{nil, {{Object: filter.Object, Managed: []byte(removes)}}} {
			in := edge.Writes{Wanted: []encoded.Object{filter}, Observed: before, Now: at.Add(since), Delay: orderDelay, Needed: map[diag.Object]time.Time{filter.Object: at}}
			steps, again := edge.Next(&in)
			if len(steps) == 1 != written || !written && since > 0 && !again.Equal(at.Add(orderDelay)) {
				t.Errorf("%v after routes were open: %v, again at %v", since, steps, again)
			}
		}
	}
}
