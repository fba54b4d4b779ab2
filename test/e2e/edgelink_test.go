package e2e_test

import (
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
)

// links opens links: each sets or clears the cookie, and leads to the page without the
// parameter, on the same host; what is no link goes on.
func (e *edgeFront) links(t *testing.T) {
	t.Helper()
	const age = "; Path=/; Max-Age=28800; HttpOnly; Secure; SameSite=Lax"
	send := e.withCookie(t)
	programtest.Eventually(t, 30*time.Second, 50*time.Millisecond, "routes of links", func(context.Context) string {
		if got := send("GET", "/?x-override=v2", ""); !strings.HasPrefix(got, "303 ") {
			return got
		}
		return ""
	})
	for _, c := range []struct{ path, to, cookie string }{
		{"/?x-override=v2", "/", "x-override=v2" + age},
		{"/cart?a=1&x-override=v2&b=%26", "/cart?a=1&b=%26", "x-override=v2" + age},
		{"/cart?x-override=web:v2~cart:v2&a=1", "/cart?a=1", "x-override=web:v2~cart:v2" + age},
		{"/cart?a=1&x-override=%2A%3Av2", "/cart?a=1", "x-override=*:v2" + age},
		{"//evil.example.com/?x-override=v2", "//evil.example.com/", "x-override=v2" + age},
		{"/x-override=v1?x-override=v2", "/x-override=v1", "x-override=v2" + age},
		{"/?a=1&x-override=", "/?a=1", "x-override=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
		{"/cart?x-override", "/cart", "x-override=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
	} {
		want := fmt.Sprintf("303 Cache-Control: no-store; Location: http://%s%s; ", edgeShop, c.to)
		if got := send("GET", c.path, ""); !strings.HasPrefix(got, want) || !strings.Contains(got, "Set-Cookie: "+c.cookie) {
			t.Errorf("%s\ngot  %s\nwant %s and %s", c.path, got, want, c.cookie)
		}
	}
	for _, path := range []string{"/?x-override=a;b", "/?x-override=a%0d%0aset-cookie:b", "/?x-override=a,b", "/?xx-override=v2", "/x-override=v2"} {
		if got := send("GET", path, ""); strings.HasPrefix(got, "303 ") {
			t.Errorf("%s is a link: %s", path, got)
		}
	}
	if got := send("POST", "/?x-override=v2", ""); strings.HasPrefix(got, "303 ") {
		t.Errorf("a POST is a link: %s", got)
	}
	if got := send("GET", "/", "x-override=v2"); !strings.Contains(got, "by web:v2 cart:v2") {
		t.Errorf("the cookie leads to %s", got)
	}
}

// withCookie returns a function that sends a request with a cookie.
func (e *edgeFront) withCookie(t *testing.T) func(method, path, cookie string) string {
	t.Helper()
	return func(method, path, cookie string) string {
		got, err := e.send(t.Context(), e.gateways[0], asked{method, edgeShop, path, 80, [2]string{"Cookie", cookie}})
		if err != nil {
			t.Fatal(err)
		}
		return got
	}
}
