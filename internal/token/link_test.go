package token

import "testing"

func TestLink(t *testing.T) {
	t.Parallel()
	for page, want := range map[string]string{
		"https://shop.example.com":                "https://shop.example.com/?t=a.b-c_d",
		"https://shop.example.com/cart?a=1&b=%20": "https://shop.example.com/cart?a=1&b=%20&t=a.b-c_d",
		"https://shop.example.com/cart#top":       "https://shop.example.com/cart?t=a.b-c_d#top",
	} {
		if got, err := Link(page, "t", "a.b-c_d"); err != nil || got != want {
			t.Errorf("%s: got %s, %v, want %s", page, got, err, want)
		}
	}
	for _, page := range []string{"", "/cart", "shop.example.com", "http://shop.example.com/", "https://", "https://shop.example.com/?t=", "https://a b/"} {
		if got, err := Link(page, "t", "a.b-c_d"); err == nil {
			t.Errorf("%q: got %s", page, got)
		}
	}
}
