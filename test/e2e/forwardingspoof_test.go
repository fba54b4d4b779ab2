package e2e_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
)

// spoofed sends what sidecars carry from elsewhere: it is removed, whatever else a request has.
func (f *forwardingMesh) spoofed(t *testing.T) {
	t.Helper()
	token := f.keys.override(t, "leaf-1:v2")
	for _, sent := range []http.Header{
		lines("X-Request-Id", "1~x-override~leaf-1:v2"),
		lines("X-Request-Id", "~x-override~leaf-1:v2"),
		lines("X-Request-Id", "1~x-override~leaf-2:v1~x-override~leaf-1:v2"),
		lines("X-Request-Id", "1~x-override-token~"+token+"~x-override~leaf-1:v2"),
		lines("X-Request-Id", "1~x-override~leaf-1:v2~x-override-token~"+token),
		lines("X-Request-Id", "1", "X-Request-Id", "2~x-override~leaf-1:v2"),
		lines("Tracestate", "x-override=leaf-1:v2"),
		lines("Tracestate", "vendor=abc,\t x-override \t=leaf-1:v2"),
		lines("Tracestate", "vendor=abc", "Tracestate", "x-override=leaf-1:v2"),
		lines("Tracestate", "x-override=leaf-1:v2,x-override=leaf-1:v2"),
		lines("Tracestate", "x-override-more=leaf-1:v2,x-override=leaf-9:v2!"),
		lines("Tracestate", "x-override=leaf-1:v2", "X-Request-Id", "1~x-override~leaf-1:v2"),
		lines("Tracestate", "x-override=leaf-1:v2", "X-Override", "leaf-9:v2"),
	} {
		sent.Set("Traceparent", traceParent)
		for _, kind := range []string{"id", "state"} {
			answer, failure := f.ask(t, "open", sent, kind+"-1."+forwardingNamespace)
			if got := answer.String(); failure != "" || got != path(kind, "v1", "v1") {
				t.Errorf("%v leads to %s %s", sent, got, failure)
			}
			for _, name := range []string{"X-Request-Id", "Tracestate"} {
				if got := strings.Join(answer.Request.Headers[name], "|"); strings.Contains(got, "leaf-1") {
					t.Errorf("%v arrives at %s as %q", sent, answer.Service, got)
				}
			}
		}
		if got := f.send(t, "open", sent, "leaf-1"); got != "leaf-1:v1" {
			t.Errorf("%v leads to %s", sent, got)
		}
	}
	if answer, _ := f.ask(t, "open", lines("Tracestate", "a=b,x-override=leaf-1:v2,vendor=abc", "Traceparent", traceParent), "state-1."+forwardingNamespace); answer.Request.Headers.Get("Tracestate") != "a=b,vendor=abc" {
		t.Errorf("foreign members arrive as %q", answer.Request.Headers["Tracestate"])
	}
}

// outside sends what sidecars carry to a gateway that trusts headers: it removes that all the same.
func (f *forwardingMesh) outside(t *testing.T) {
	t.Helper()
	f.front.await(t, asked{"GET", "shop.example.com", "/", 80, [2]string{}}, "by caller:v1")
	seen := func(sent http.Header) http.Header {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+f.gateways[0]+"/", http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		request.Host, request.Header = "shop.example.com", sent
		response, err := f.client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		defer response.Body.Close()
		answer, err := chain.Decode(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return answer.Request.Headers
	}
	for _, state := range []string{
		"x-override=leaf-1:v2", "a=b, \tx-override =leaf-1:v2", "x-override-token=leaf-1:v2,c=d", "a=b,x-override-more=leaf-1:v2",
	} {
		if got := seen(lines("Tracestate", state, "X-Request-Id", "1~x-override~leaf-1:v2")); got.Get("Tracestate") != "overrides=removed" || strings.Contains(got.Get("X-Request-Id"), "leaf-1") {
			t.Errorf("%s arrives as %q, %q", state, got["Tracestate"], got["X-Request-Id"])
		}
	}
	for _, state := range []string{"a=b,vendor=x-override", "x-overrides=leaf-1:v2", "a=b ,c=d"} {
		if got := seen(lines("Tracestate", state, "X-Override", "leaf-1:v2")); got.Get("Tracestate") != state || got.Get("X-Override") != "leaf-1:v2" {
			t.Errorf("%s arrives as %q beside %q", state, got["Tracestate"], got["X-Override"])
		}
	}
}

// tokensCarried sends tokens to programs whose sidecars take overrides from tokens alone. The token
// rides, and a program without one steers nothing, whatever it writes.
func (f *forwardingMesh) tokensCarried(t *testing.T) {
	t.Helper()
	good, foreign := f.keys.override(t, "leaf-1:v2"), f.own.override(t, "leaf-1:v2")
	for _, c := range []struct {
		lines http.Header
		want  string
	}{
		{lines("X-Override-Token", good), "v2"},
		{lines("X-Override-Token", good, "X-Override", "leaf-1:v1"), "v2"},
		{lines("X-Override-Token", foreign), "v1"},
		{lines("X-Override-Token", foreign, "X-Override", "leaf-1:v2"), "v1"},
		{lines("X-Override", "leaf-1:v2"), "v1"},
		{lines("Baggage", "override.leaf-1=v2"), "v1"},
		{lines("X-Request-Id", "1~x-override-token~"+good), "v1"},
		{lines("Tracestate", "x-override-token="+good), "v1"},
	} {
		c.lines.Set("Traceparent", traceParent)
		for _, kind := range []string{"id", "state"} {
			// The call does not pass a sidecar that takes out what rides.
			if got, want := f.send(t, "open", c.lines, kind+"-1."+carriedTokens), kind+"-1:v1 → leaf-1:"+c.want; got != want {
				t.Errorf("%v leads to %s, want %s", c.lines, got, want)
			}
		}
	}
	for _, from := range []string{"with tokens", "called, tokens"} {
		for _, c := range []struct {
			lines http.Header
			want  string
		}{
			{lines("X-Request-Id", "1~x-override~leaf-1:v2"), "v1"},
			{lines("X-Request-Id", "1~x-override~override.leaf-1+v2"), "v1"},
			{lines("X-Request-Id", "1~x-override~leaf-1:v2~x-override-token~"+foreign), "v1"},
			{lines("X-Request-Id", "1~x-override-token~"+foreign, "X-Override", "leaf-1:v2"), "v1"},
			{lines("X-Request-Id", "1~x-override-token~leaf-1:v2"), "v1"},
			{lines("X-Request-Id", "1~x-override-id~leaf-1:v2"), "v1"},
			{lines("Tracestate", "x-override=leaf-1:v2"), "v1"},
			{lines("Tracestate", "x-override=leaf-1:v2,x-override-token="+foreign), "v1"},
			{lines("X-Request-Id", "1~x-override-token~"+good), "v2"}, // it has received the token
		} {
			if got := f.send(t, from, c.lines, "leaf-1."+carriedTokens); got != "leaf-1:"+c.want {
				t.Errorf("%s: %v leads to %s, want %s", from, c.lines, got, c.want)
			}
		}
	}
}
