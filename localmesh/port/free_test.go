package port_test

import (
	"net"
	"testing"

	"github.com/overrides-mesh/overrides/localmesh/port"
)

// TestFree listens on all returned ports at the same time.
func TestFree(t *testing.T) {
	t.Parallel()
	ports, err := port.Free(t.Context(), 3)
	if err != nil || len(ports) != 3 {
		t.Fatalf("got %v, %v", ports, err)
	}
	for _, p := range ports {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", p))
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
	}
}
