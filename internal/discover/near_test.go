package discover

import "testing"

func TestIsSlip(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		a, b string
		want bool
	}{
		{"web", "wbe", true},
		{"web", "wep", true},
		{"Cart", "cart", true},
		{"checkout", "chekout", true},
		{"checkout", "chekuot", true},
		{"cart", "carts", true},
		{"cart", "card", true},
		{"web", "api", false},
		{"v1", "v2", false},
		{"v1", "v", false},
		{"shard-1", "shard-12", false},
		{"db", "dx", false},
		{"orders", "offers", true},
		{"billing", "shipping", false},
		{"a", "", false},
		{"checkout-a", "checkout-b", false},
		{"checkout-api", "chekcout-api", true},
		{"checkout-blue", "checkout-bleu", true},
		{"cart-svc", "cartsvc", true},
		{"cart_svc", "cart-svc", true},
	} {
		if got := isSlip(test.a, test.b); got != test.want || isSlip(test.b, test.a) != got {
			t.Errorf("%q and %q: %t", test.a, test.b, got)
		}
	}
}
