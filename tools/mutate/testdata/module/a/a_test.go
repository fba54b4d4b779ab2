package a_test

import (
	"flag"
	"testing"

	"example.com/m/a"
)

var want = flag.Int("want", 3, "")

func TestOther(t *testing.T) {}

func TestAbs(t *testing.T) {
	t.Run("minus", func(t *testing.T) {
		if a.Abs(-3) != *want {
			t.Error("wrong")
		}
	})
}
