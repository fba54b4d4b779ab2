package e2e_test

import "testing"

// TestWebhook shows that Istio's webhook is in force: it accepted what the other
// tests apply.
func TestWebhook(t *testing.T) {
	t.Parallel()
	validates, err := mesh(t).Validates(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if !validates {
		t.Error("a VirtualService with a bad pattern is not refused")
	}
}
