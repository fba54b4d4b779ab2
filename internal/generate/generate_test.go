package generate_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestTooLarge: a table that is too large with its overrides is written without them, so that
// ordinary requests stay pinned, and reported once.
func TestTooLarge(t *testing.T) {
	t.Parallel()
	snapshot := &model.Snapshot{Options: model.DefaultOptions(), Services: []model.Service{serviceOf("cart", 3000), serviceOf("pay", 1)}}
	out, err := generate.From(snapshot)
	if err != nil {
		t.Fatal(err)
	}
	var routes []string
	for i := range out.Tables {
		for _, r := range out.Tables[i].Routes {
			if out.Tables[i].Owner == "cart" {
				routes = append(routes, fmt.Sprintf("%s to %s", r.Kind, r.Destinations[0].Subset))
			}
		}
	}
	if len(out.Objects) != 4 || !slices.Equal(routes, []string{"released to overrides-released"}) {
		t.Errorf("%d objects, the routes of cart are %v", len(out.Objects), routes)
	}
	said := codes(out.Diagnostics, diag.ObjectTooLarge)
	if len(said) != 1 || !strings.Contains(said[0], "pin ordinary requests") || len(codes(out.Diagnostics, diag.OrdinaryTrafficNotPinned)) > 0 {
		t.Errorf("%q", said)
	}
}

// serviceOf returns a Service with the released version v1, and with previews.
func serviceOf(name string, previews int) model.Service {
	s := model.Service{Namespace: "shop", Name: name, Selector: map[string]string{"app": name}, Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}}}
	for i := range previews + 1 {
		version := fmt.Sprintf("v%d", i+1)
		labels := map[string]string{"app": name, "version": version}
		s.Backends = append(s.Backends, model.Backend{
			Workload: model.Workload{Kind: "Deployment", Name: name + "-" + version}, Selector: labels, Labels: labels, Pods: 1, Ready: 1,
		})
	}
	return s
}

// codes returns the messages of a code.
func codes(all []diag.Diagnostic, code diag.Code) []string {
	var out []string
	for _, d := range all {
		if d.Code == code {
			out = append(out, d.Message)
		}
	}
	return out
}

// TestUnwritten: a table that is too large for one object is neither written nor proved,
// and reported once.
func TestUnwritten(t *testing.T) {
	t.Parallel()
	snapshot := &model.Snapshot{Options: model.DefaultOptions(), Services: []model.Service{serviceOf("cart", 1), serviceOf("pay", 1)}}
	out, err := generate.With(snapshot, func(refused compile.Rejected) compile.Result {
		result := compile.Without(snapshot, refused)
		result.Tables[0].Routes[0].Name = strings.Repeat("x", istio.MaxObjectBytes)
		return result
	})
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, o := range out.Objects {
		names = append(names, o.String())
	}
	want := []string{"DestinationRule shop/cart-overrides", "DestinationRule shop/pay-overrides", "VirtualService shop/pay-overrides"}
	if !slices.Equal(names, want) {
		t.Errorf("got %v, want %v", names, want)
	}
	if out.Proof.Compared.Tables != 1 || len(out.Tables) != 1 {
		t.Errorf("%d tables proved of %d, want 1", out.Proof.Compared.Tables, len(out.Tables))
	}
	if said := codes(out.Diagnostics, diag.ObjectTooLarge); len(said) != 1 || strings.Contains(said[0], "pin") {
		t.Errorf("said %q, want once that it is not written", said)
	}
}
