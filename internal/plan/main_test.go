package plan_test

import (
	"flag"
	"os"
	"testing"
)

// seed is that of the cases of the state machine where none is asked for: the same in
// every run, so that a change is what makes one fail. Others are for -rapid.seed, and for
// a longer look: make plan-long.
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
