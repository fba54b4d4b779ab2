package trail_test

import (
	"regexp"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/internal/trail"
)

// TestJudgeResponse: a response says of a member that it was honoured if a row wrote so, with
// the workload as Envoy writes it: of the Service itself, or of an isolated version.
func TestJudgeResponse(t *testing.T) {
	t.Parallel()
	// Envoy replaces the operator.
	answer := func(service, namespace, version, workload string) string {
		r := route.Route{Version: route.Version{Service: service, Namespace: namespace, Version: version}}
		return regexp.MustCompile("%.*%").ReplaceAllLiteralString(istio.ServedValue(&r), workload)
	}
	if got, want := answer("cart", "shop", "v2", "cart-v2;shop;cart;v2;Kubernetes"), "cart.shop:v2 cart-v2;shop;cart;v2;Kubernetes"; got != want {
		t.Fatalf("a row writes %q, want %q", got, want)
	}
	served := []string{
		answer("cart", "shop", "v2", "cart-v2;shop;cart;v2;Kubernetes"),
		answer("stock", "shop", "pr-1", "stock-pr-1;lab;stock-pr-1;latest;Kubernetes") + ", " + answer("tax", "shop", "v3", "-"),
	}
	for member, want := range map[string]trail.Verdict{
		"cart:v2":       {Honoured: true, Message: "the response says that workload cart-v2.shop served"},
		"cart.shop:v2":  {Honoured: true, Message: "the response says that workload cart-v2.shop served"},
		"stock:pr-1":    {Honoured: true, Message: "the response says that workload stock-pr-1.lab served"},
		"*:pr-1":        {Honoured: true, Message: "the response says that workload stock-pr-1.lab served"},
		"tax:v3;strict": {Honoured: true, Message: "the response says that tax.shop:v3 served"},
		"cart.lab:v2":   {Reason: trail.NotCalled, Message: "the response does not say who served; only records of proxies do"},
		"cart:v1":       {Reason: trail.NotCalled, Message: "the response does not say who served; only records of proxies do"},
		"web:v2":        {Reason: trail.NotReady, Message: "the response says: web.shop: requested version unavailable"},
	} {
		members, err := grammar.Parse(member)
		if err != nil {
			t.Fatal(err)
		}
		want.Member = member
		got := trail.JudgeResponse(&trail.Response{Served: served, Errors: []string{"web.shop: requested version unavailable"}}, &trail.Question{Members: members})
		if diff := cmp.Diff([]trail.Verdict{want}, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", member, diff)
		}
	}
}
