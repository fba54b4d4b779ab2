package istio_test

import (
	"os"
	"testing"

	istiolog "istio.io/istio/pkg/log"
)

// TestMain silences istiod, which has much to say about each mesh.
func TestMain(m *testing.M) {
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.NoneLevel)
	}
	os.Exit(m.Run())
}
