package e2e_test

import (
	"testing"

	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/test/e2e/stage"
)

// TestEmbedded plays all cases on Envoys that internal/envoy configures, in worlds
// without a user's routes. It skips the others.
func TestEmbedded(t *testing.T) {
	t.Parallel()
	path := programtest.E2E.Envoy(t)
	for _, w := range worlds(t) {
		if len(w.Corpus) > 0 || w.Generated == 0 {
			continue
		}
		t.Run(w.Name, func(t *testing.T) {
			t.Parallel()
			e, err := stage.Embed(t.Context(), path, w)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := e.Close(); err != nil {
					t.Error(err)
				}
			})
			if len(w.Objects) > 0 {
				if len(e.Refused) == 0 {
					t.Error("nothing is said of a user's objects, which are not played")
				}
				return
			}
			for _, d := range e.Refused {
				t.Fatalf("a world of our own is not played: %v", d)
			}
			all := cases(t, w)
			judge(t, w, e.Oracle(), all, sendAll(t, w, e, all))
		})
	}
}
