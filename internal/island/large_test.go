package island_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/island"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// TestTooManyVersions: an island whose VirtualService would be too large pins ordinary requests,
// as generate does.
func TestTooManyVersions(t *testing.T) {
	t.Parallel()
	p := &previews{island.NewMap(island.Options{Model: model.DefaultOptions()}), t}
	p.put("Service", "cart", fmt.Sprintf(shopOf, "cart"))
	for i := range 3000 {
		version := fmt.Sprintf("v%d", i+1)
		p.put("Deployment", "cart-"+version, fmt.Sprintf(previewOf, "cart", version, ""))
		p.ready("cart", version)
	}
	i := p.Update().Changed[0]
	overridden := func(r route.Route) bool { return r.Kind == route.Override }
	if len(i.Result.Tables) != 1 || len(i.Result.Tables[0].Routes) == 0 || slices.ContainsFunc(i.Result.Tables[0].Routes, overridden) {
		t.Errorf("%d tables", len(i.Result.Tables))
	}
	if !slices.ContainsFunc(i.Diagnostics, func(d diag.Diagnostic) bool { return d.Code == diag.ObjectTooLarge }) {
		t.Errorf("nothing says so: %d diagnostics", len(i.Diagnostics))
	}
}
