package prove_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/archivetest"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/prove"
)

// TestDoors lists the doors of the Services in each archive of testdata/doors, and the
// diagnostics about doors that are not pinned and about pins of several parts.
func TestDoors(t *testing.T) {
	t.Parallel()
	archivetest.Each(t, "testdata/doors/*.txtar", func(t *testing.T, file string, archive *txtar.Archive) {
		t.Helper()
		result, _ := prove.Compile(archivetest.Snapshot(t, archivetest.InputAndWant(t, archive)))
		archivetest.Want(t, *update, file, archive, doorsOf(&result))
	})
}

// doorsOf writes the doors of a result, and the diagnostics about them.
func doorsOf(result *compile.Result) string {
	var out strings.Builder
	for i := range result.Services {
		s := &result.Services[i]
		if len(s.Doors) > 0 {
			fmt.Fprintln(&out, s.Host)
		}
		for _, d := range s.Doors {
			how := "open"
			if d.Pinned {
				how = "pinned"
			}
			fmt.Fprintln(&out, strings.TrimRight(fmt.Sprintf("    %s %s: %s %s", d.Kind, d.Name, how, d.Callers), " "))
		}
	}
	for _, d := range result.Diagnostics {
		switch d.Code {
		case diag.AffinityLost, diag.CallersNotPinned, diag.SubsetHoldsPreview, diag.ServiceEntryReachesPods, diag.EntranceNotPinned,
			diag.ExposedWithoutMesh, diag.CallersWithoutSidecar, diag.DetectedPortShared, diag.NonHTTPPortShared:
			fmt.Fprintf(&out, "%s %s: %s\n", d.Code, d.Object, d.Message)
		default:
			if strings.HasPrefix(d.Message, "left alone: ") {
				fmt.Fprintf(&out, "%s %s: %s\n", d.Code, d.Object, d.Message)
			}
		}
	}
	return out.String()
}
