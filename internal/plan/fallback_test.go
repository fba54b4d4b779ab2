package plan

import (
	"math"
	"testing"

	"github.com/overrides-mesh/overrides/internal/route"
)

// TestMergeBounds: weights whose sum is too large are scaled down, but not to zero.
func TestMergeBounds(t *testing.T) {
	t.Parallel()
	d := func(subset string, weight int32) route.Destination {
		return route.Destination{Host: "a", Subset: subset, Weight: weight}
	}
	for _, test := range []struct{ in, want []route.Destination }{
		{[]route.Destination{d("x", 1), d("x", 2)}, []route.Destination{d("x", 0)}},
		{[]route.Destination{d("x", 1), d("y", 2), d("x", 3)}, []route.Destination{d("x", 4), d("y", 2)}},
		{[]route.Destination{d("x", math.MaxInt32-1), d("y", 1)}, []route.Destination{d("x", math.MaxInt32-1), d("y", 1)}},
		{[]route.Destination{d("x", math.MaxInt32), d("y", 1), d("x", math.MaxInt32), d("z", 0)}, []route.Destination{d("x", 1431655764), d("y", 1), d("z", 0)}},
	} {
		got := mergeDestinations(test.in)
		if len(got) != len(test.want) {
			t.Fatalf("%v: %v", test.in, got)
		}
		for i := range got {
			if got[i] != test.want[i] {
				t.Errorf("%v: %v, want %v", test.in, got, test.want)
			}
		}
	}
}
