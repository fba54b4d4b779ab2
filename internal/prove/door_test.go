package prove_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/prove"
)

// TestDoors lists the doors of the Services in each archive of testdata/doors, and what is
// said of those that are not pinned, and of pins of several parts.
func TestDoors(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/doors/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no testdata: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			testDoors(t, file)
		})
	}
}

func testDoors(t *testing.T, file string) {
	t.Helper()
	archive, err := txtar.ParseFile(file)
	if err != nil {
		t.Fatal(err)
	}
	at := slices.IndexFunc(archive.Files, func(f txtar.File) bool { return f.Name == "want.txt" })
	if len(archive.Files) != 2 || archive.Files[0].Name != "input.yaml" || at != 1 {
		t.Fatalf("sections: want input.yaml and want.txt")
	}
	result, _ := prove.Compile(readSnapshot(t, string(archive.Files[0].Data)))
	got := doorsOf(&result)
	if *update {
		archive.Files[at].Data = []byte(got)
		if err := os.WriteFile(file, txtar.Format(archive), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if d := cmp.Diff(string(archive.Files[at].Data), got); d != "" {
		t.Errorf("run with -update to accept (-want +got):\n%s", d)
	}
}

// doorsOf writes out what a result says of doors.
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
		}
	}
	return out.String()
}
