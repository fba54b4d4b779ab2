package e2e_test

import (
	"crypto/tls"
	"net"
	"net/http"
	"testing"
	"time"

	"golang.org/x/net/websocket"
)

// TestWebSocket opens WebSockets through a real gateway with TLS: by the shop's host, by the
// cookie, and by a preview host. All messages reach the version that the upgrade reached.
func TestWebSocket(t *testing.T) {
	s := openPages(t, "socket-shop")
	const preview = "pr-118." + previewDomain
	tests := []struct{ name, host, header, value, want string }{
		{"ordinary", shopHost, "", "", "v1"},
		{"cookie", shopHost, "Cookie", "a=b; x-override=pr-118", "pr-118"},
		{"cookie with a member", shopHost, "Cookie", "x-override=web:pr-118", "pr-118"},
		{"cookie for nothing", shopHost, "Cookie", "x-override=pr-119", "v1"},
		{"preview host", preview, "", "", "pr-118"},
		{"host of no preview", "pr-119." + previewDomain, "", "", "v1"},
		{"header of a stranger", shopHost, "X-Override", "web:pr-118", "v1"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			config, err := websocket.NewConfig("wss://"+test.host+"/socket", "https://"+test.host)
			if err != nil {
				t.Fatal(err)
			}
			config.Header = http.Header{}
			if test.header != "" {
				config.Header.Set(test.header, test.value)
			}
			conn, err := websocket.NewClient(config, s.dial(t, test.host))
			if err != nil {
				t.Fatal(err)
			}
			for _, message := range []string{"first", "second"} {
				var answer string
				if err := websocket.Message.Send(conn, message); err != nil {
					t.Fatal(err)
				}
				if err := websocket.Message.Receive(conn, &answer); err != nil || answer != test.want+" "+message {
					t.Errorf("%q is answered by %q, %v", message, answer, err)
				}
			}
		})
	}
}

// dial connects to the gateway with TLS, for a host.
func (s *shop) dial(t *testing.T, host string) net.Conn {
	t.Helper()
	transport, ok := s.visitor(t).Transport.(*http.Transport)
	if !ok {
		t.Fatal("the client has another transport")
	}
	raw, err := transport.DialContext(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	if err := raw.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	config := transport.TLSClientConfig.Clone()
	config.ServerName, config.NextProtos = host, []string{"http/1.1"}
	if host != shopHost {
		config.RootCAs = s.previews.Roots
	}
	return tls.Client(raw, config)
}
