package e2e_test

import (
	"os"
	"strings"
	"testing"
)

// TestWebhook shows that Istio's webhook is there: what the other tests apply was
// accepted by it.
func TestWebhook(t *testing.T) {
	t.Parallel()
	bad, err := os.ReadFile("testdata/webhook/bad.yaml")
	if err != nil {
		t.Fatal(err)
	}
	if err := mesh(t).Apply(t.Context(), bad); err == nil || !strings.Contains(err.Error(), "validation.istio.io") {
		t.Errorf("a VirtualService with a bad pattern is not refused by the webhook: %v", err)
	}
}
