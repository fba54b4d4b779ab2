package localmesh_test

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/overrides-mesh/overrides/localmesh"
)

// TestExpose: a listener outside can be reached from inside, at the node's loopback, and
// only there.
func TestExpose(t *testing.T) {
	t.Parallel()
	m := mesh(t)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "outside") }))
	defer server.Close()
	address, err := m.Expose(t.Context(), server.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	client, err := m.Client(t.Context(), localmesh.Pod{})
	if err != nil {
		t.Fatal(err)
	}
	defer client.CloseIdleConnections()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err != nil || string(body) != "outside" {
		t.Errorf("answered %q, %v", body, err)
	}
	if connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", address); err == nil {
		_ = connection.Close()
		t.Errorf("%s is open outside too", address)
	}
	if listener, err := m.Listen(t.Context(), "192.0.2.1:1"); err == nil {
		_ = listener.Close()
		t.Error("it listens at an address that is nobody's")
	}
}
