package scale_test

import (
	"strings"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/localmesh/program"
	"github.com/overrides-mesh/overrides/localmesh/program/programtest"
	"github.com/overrides-mesh/overrides/test/scale"
	"github.com/overrides-mesh/overrides/test/scale/kwok"
)

const root = "../.."

// TestSlice is a small part of `make bench-cluster`: whatever happens, everything
// necessary is written, once, and nothing else.
func TestSlice(t *testing.T) {
	t.Parallel()
	programtest.Cluster.Need(t, program.Kubernetes(), kwok.Module())
	result, err := scale.Run(t.Context(), scale.Options{
		Services: 40, Seconds: 10, PerSecond: 10, Seed: 1, Idle: 2 * time.Second,
		Program: programtest.Overrides(t, root, "-tags=grpcnotrace"), Root: root, Flags: []string{"--drain-delay", "1s"}, Log: t.Output(),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Log("\n" + scale.Table([]*scale.Result{result}))
	if result.Differences > 0 {
		t.Errorf("%d objects are not what generate prints", result.Differences)
	}
	if result.Writes.Stored == 0 || result.Objects == 0 {
		t.Error("nothing was written")
	}
	if n := result.Writes.Needless; n > 0 {
		t.Errorf("%d writes of objects that were as they are wanted: %v", n, result.NeedlessWrites)
	}
	if n := result.Requests.Writes(); n != result.Writes.Stored {
		t.Errorf("%d requests that write, and %d changes of objects", n, result.Writes.Stored)
	}
	if len(result.IdleRequests) > 0 {
		t.Errorf("while nothing changed: %s", result.IdleRequests)
	}
	if result.AgainRequests.Writes() > 0 {
		t.Errorf("started again with everything in place: %s\n%s", result.AgainRequests, strings.Join(result.AgainWritten, "\n"))
	}
	if len(result.Refused) > 0 {
		t.Errorf("not granted: %s", result.Refused)
	}
}
