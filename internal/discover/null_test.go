package discover_test

import (
	"testing"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

// TestNullMatcher: a matcher that is null is none, and not one that asks for presence.
func TestNullMatcher(t *testing.T) {
	t.Parallel()
	var objects discover.Objects
	diags := objects.Decode([]byte(`{"apiVersion": "networking.istio.io/v1", "kind": "VirtualService", "metadata": {"name": "b"},
		"spec": {"hosts": ["b"], "http": [{"match": [{"headers": {"x": null, "y": {}}, "withoutHeaders": {"z": null}}]}]}}`), "default", diag.Origin{})
	if len(diags) > 0 || len(objects.VirtualServices) != 1 {
		t.Fatalf("decode: %v", diags)
	}
	match := objects.VirtualServices[0].Spec.GetHttp()[0].GetMatch()[0]
	if len(match.GetWithoutHeaders()) != 0 || len(match.GetHeaders()) != 1 {
		t.Errorf("matchers that are null are kept: %v", match)
	}
}
