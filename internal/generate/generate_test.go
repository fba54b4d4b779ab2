package generate_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/generate"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestUnwritten: a table that is too large for one object is neither written nor proved,
// and reported once.
func TestUnwritten(t *testing.T) {
	t.Parallel()
	snapshot := &model.Snapshot{Options: model.DefaultOptions()}
	for _, name := range []string{"cart", "pay"} {
		s := model.Service{Namespace: "shop", Name: name, Selector: map[string]string{"app": name}, Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}}}
		for _, version := range []string{"v1", "v2"} {
			labels := map[string]string{"app": name, "version": version}
			s.Backends = append(s.Backends, model.Backend{
				Workload: model.Workload{Kind: "Deployment", Name: name + "-" + version}, Selector: labels, Labels: labels, Pods: 1,
			})
		}
		snapshot.Services = append(snapshot.Services, s)
	}
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
	said := 0
	for _, d := range out.Diagnostics {
		if d.Code == diag.ObjectTooLarge {
			said++
		}
	}
	if said != 1 {
		t.Errorf("said %d times, want once: %v", said, out.Diagnostics)
	}
}
