package e2e_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/net/websocket"

	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
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
	// Routes of preview hosts come after those of the shop's.
	programtest.Eventually(t, time.Minute, 100*time.Millisecond, "the preview host", func(context.Context) string {
		if got := s.exchange(t, preview, "", ""); got != "pr-118 first, pr-118 second" {
			return got
		}
		return ""
	})
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			want := test.want + " first, " + test.want + " second"
			if got := s.exchange(t, test.host, test.header, test.value); got != want {
				t.Errorf("the answers are %q, want %q", got, want)
			}
		})
	}
}

// exchange opens a WebSocket with a header, sends two messages, and returns the answers.
func (s *shop) exchange(t *testing.T, host, header, value string) string {
	t.Helper()
	config, err := websocket.NewConfig("wss://"+host+"/socket", "https://"+host)
	if err != nil {
		t.Fatal(err)
	}
	config.Header = http.Header{}
	if header != "" {
		config.Header.Set(header, value)
	}
	raw := s.dial(t, host)
	defer raw.Close()
	conn, err := websocket.NewClient(config, raw)
	if err != nil {
		return err.Error()
	}
	var answers []string
	for _, message := range []string{"first", "second"} {
		var answer string
		if err := errors.Join(websocket.Message.Send(conn, message), websocket.Message.Receive(conn, &answer)); err != nil {
			return err.Error()
		}
		answers = append(answers, answer)
	}
	return strings.Join(answers, ", ")
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
