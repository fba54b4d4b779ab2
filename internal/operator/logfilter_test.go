package operator

import (
	"errors"
	"log/slog"
	"strings"
	"testing"

	"github.com/go-logr/logr"
)

// TestTerminatingFilter: an Event that the API server rejects because its namespace is being
// deleted is not logged as an error.
func TestTerminatingFilter(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	log := logr.FromSlogHandler(terminatingFilter{slog.NewTextHandler(&out, nil)})
	rejected := "Server rejected event (will not retry!)"
	ending := errors.New(`events.events.k8s.io "cart.1" is forbidden: unable to create new content in namespace shop because it is being terminated`)
	log.WithValues("a", "b").Error(ending, rejected, "event", "e")
	if out.Len() > 0 {
		t.Errorf("logged %s", out.String())
	}
	log.WithName("x").Error(errors.New("forbidden"), rejected, "event", "e")
	log.Error(ending, "something else")
	if n := strings.Count(out.String(), "level=ERROR"); n != 2 {
		t.Errorf("%d errors: %s", n, out.String())
	}
}
