package e2e_test

import "testing"

// TestWebhook checks that Istio's webhook is in force, and so has accepted the objects of
// the other tests.
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
