package plan_test

import (
	"flag"
	"os"
	"testing"
)

// seed is the default seed of the state machine. It is the same in every run, so that a
// failure points to a change. -rapid.seed and make plan-long use others.
const seed = "4"

func TestMain(m *testing.M) {
	flag.Parse()
	if f := flag.Lookup("rapid.seed"); f != nil && f.Value.String() == "0" && os.Getenv("OVERRIDES_PLAN_RANDOM") == "" {
		if err := f.Value.Set(seed); err != nil {
			panic(err)
		}
	}
	os.Exit(m.Run())
}
