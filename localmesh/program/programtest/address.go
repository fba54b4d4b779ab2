package programtest

import (
	"net"
	"testing"

	"github.com/overrides-mesh/overrides/localmesh/port"
)

// FreeAddress returns an address of loopback, with a port that no program listened on
// just now.
func FreeAddress(t *testing.T) string {
	t.Helper()
	ports, err := port.Free(t.Context(), 1)
	if err != nil {
		t.Fatal(err)
	}
	return net.JoinHostPort("127.0.0.1", ports[0])
}
