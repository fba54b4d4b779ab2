package e2e_test

import (
	"net"
	"net/http"
	"testing"
	"time"
)

// insideNamespace has a workload that calls past the gateway.
const insideNamespace = attackNamespace + "-inside"

// inside sends requests from a workload past the gateway, in another namespace. No policy of a gateway
// holds them off: a bare header is followed, unless their namespace takes overrides from tokens alone. A token is none, since the
// sidecars take overrides from the header.
func (s *siege) inside(t *testing.T) {
	pod, err := s.mesh.Pod(t.Context(), insideNamespace, "app=caller")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ line, want string }{
		{"A: b", toReleased},
		{"X-Override: web:v2", toPreview},
		{"X-Override: nothing:v1", toReleased},
		{"X_Override: web:v2", toReleased},
		{"Baggage: override.web=v2", toPreview},
		{"Baggage: override%2Eweb=v2", toReleased},
		{"X-Override-Token: " + s.keys.good, toReleased},
		{"X-Override-Token: " + s.keys.evilGood, toReleased},
		{"Cookie: x-override=web:v2", toReleased},
		{"Cookie: preview=" + s.keys.good, toReleased},
	} {
		conn, err := s.mesh.Dial(t.Context(), pod, net.JoinHostPort("web."+attackNamespace, "80"))
		if err != nil {
			t.Fatal(err)
		}
		if err := conn.SetDeadline(time.Now().Add(attackTimeout)); err != nil {
			t.Fatal(err)
		}
		got, err := writeHTTP1(conn, &written{host: "web." + attackNamespace, method: http.MethodGet, path: "/", lines: []string{c.line}})
		if err := conn.Close(); err != nil {
			t.Error(err)
		}
		if err != nil || got.text != c.want {
			t.Errorf("%s gets %q %v, want %q", c.line, got.text, err, c.want)
		}
	}
}
