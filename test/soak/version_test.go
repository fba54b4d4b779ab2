package soak

import (
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/test/soak/judge"
)

var v2 = judge.Version{Service: "cart", Name: "v2"}

// tracked is a versions that sends no requests.
type tracked struct {
	*versions
	begun, ended int
}

func track() *tracked {
	x := &tracked{versions: newVersions(newTimeline(), judge.NewBook(func(judge.Failure) {}))}
	x.tell, x.settle = func(string, ...any) {}, func() error { return nil }
	x.begin = func(*judge.Announcement) func() {
		x.begun++
		return func() { x.ended++ }
	}
	return x
}

func (x *tracked) says(overridable bool) {
	if overridable {
		x.overridable("cart", "v2", time.Now())
	} else {
		x.withdrawn("cart", "v2", time.Now())
	}
}

// ages makes a version whole for a minute, and all reports about it older.
func (x *tracked) ages(v judge.Version) {
	x.mu.Lock()
	of := x.known[v]
	of.mended = time.Now().Add(-time.Minute)
	of.unrouted = of.mended
	if !of.heard.IsZero() {
		of.heard = of.mended
	}
	x.look(of)
	x.mu.Unlock()
	x.confirmed.Wait()
}

func (x *tracked) expect(t *testing.T, what string, begun, ended, unasked int) {
	t.Helper()
	if x.begun != begun || x.ended != ended || len(x.unasked) != unasked {
		t.Fatalf("%s: announced %d times and ended %d, want %d and %d; unasked %v, want %d", what, x.begun, x.ended, begun, ended, x.unasked, unasked)
	}
}

// TestAnnounced plays events of a version, and checks that requests are sent for it when
// it is announced and whole.
func TestAnnounced(t *testing.T) {
	t.Parallel()
	x := track()
	x.deployed(v2)
	x.podIs("cart", "v2", "a", "not ready")
	x.says(true)
	x.expect(t, "said before a pod is ready", 0, 0, 0)
	x.podIs("cart", "v2", "a", "ready")
	x.expect(t, "said before it was whole", 0, 0, 0)
	x.says(true)
	x.expect(t, "said", 1, 0, 0)
	x.podIs("cart", "v2", "b", "not ready")
	x.podIs("cart", "v2", "b", "ready")
	x.podIs("cart", "v2", "a", "ends")
	x.expect(t, "rolled", 1, 0, 0)
	x.breaks(v2, judge.Unready)
	x.podIs("cart", "v2", "a", "gone")
	x.says(true)
	x.expect(t, "broken, and not seen to be yet", 1, 1, 0)
	x.podIs("cart", "v2", "b", "not ready")
	x.says(false)
	x.podIs("cart", "v2", "b", "ready")
	x.expect(t, "mended", 1, 1, 0)
	x.says(true)
	x.expect(t, "said again", 2, 1, 0)
	x.says(false)
	x.expect(t, "withdrawn for no reason", 2, 1, 1)
	x.podIs("cart", "v2", "b", "not ready")
	x.expect(t, "not ready for no reason", 2, 2, 2)
}

// TestScaledToNone: a version whose pods all terminate is whole again with others, and
// not while the first of them is gone and the second is not.
func TestScaledToNone(t *testing.T) {
	t.Parallel()
	x := track()
	x.deployed(v2)
	x.podIs("cart", "v2", "a", "ready")
	x.podIs("cart", "v2", "b", "ready")
	x.says(true)
	x.breaks(v2, judge.Leaving)
	x.podIs("cart", "v2", "a", "ends")
	x.says(true)
	x.podIs("cart", "v2", "b", "ends")
	x.podIs("cart", "v2", "c", "not ready")
	x.says(true)
	x.expect(t, "said of those that go", 1, 1, 0)
	x.podIs("cart", "v2", "c", "ready")
	x.says(true)
	x.expect(t, "said of one that came", 2, 1, 0)
}

// TestSameName: events of pods of a deleted version do not count for a new one of the
// same name.
func TestSameName(t *testing.T) {
	t.Parallel()
	x := track()
	x.deployed(v2)
	x.podIs("cart", "v2", "a", "ready")
	x.says(true)
	x.gone(v2)
	x.deployed(v2)
	x.podIs("cart", "v2", "a", "not ready")
	x.podIs("cart", "v2", "a", "ready")
	x.says(true)
	x.expect(t, "said of the one before", 1, 1, 0)
	x.podIs("cart", "v2", "b", "ready")
	x.says(true)
	x.expect(t, "said of this one", 2, 1, 0)
}

// TestSameRow: a version that inherits the row of one of the same name is announced like
// that one.
func TestSameRow(t *testing.T) {
	t.Parallel()
	for _, kept := range []bool{true, false} {
		x := track()
		x.deployed(v2)
		x.podIs("cart", "v2", "a", "ready")
		x.rows("cart", []string{"cart.v2"}, nil)
		x.says(true)
		x.gone(v2)
		if !kept {
			x.rows("cart", nil, nil)
			x.says(false)
		}
		x.deployed(v2)
		x.podIs("cart", "v2", "a", "gone")
		x.podIs("cart", "v2", "b", "ready")
		if !kept {
			x.rows("cart", []string{"cart.v2"}, nil)
		}
		x.ages(v2)
		if want := 1 + map[bool]int{true: 1}[kept]; x.begun != want {
			t.Errorf("row kept %t: announced %d times, want %d", kept, x.begun, want)
		}
	}
}

// TestRows: a version that has lost only one of its pods is announced as before, if it
// has a row and was not withdrawn.
func TestRows(t *testing.T) {
	t.Parallel()
	for _, kept := range []bool{true, false} {
		x := track()
		x.deployed(v2)
		x.podIs("cart", "v2", "a", "ready")
		x.podIs("cart", "v2", "b", "ready")
		x.rows("cart", []string{"cart.v20", "cart.v2"}, nil)
		x.says(true)
		x.breaks(v2, judge.Crashed)
		x.podIs("cart", "v2", "b", "not ready")
		if !kept {
			x.rows("cart", []string{"cart.v20"}, nil)
			x.says(false)
			x.rows("cart", []string{"cart.v2"}, nil)
		}
		x.podIs("cart", "v2", "b", "ready")
		x.expect(t, "just mended", 1, 1, 0)
		x.ages(v2)
		if want := 1 + map[bool]int{true: 1}[kept]; x.begun != want {
			t.Errorf("row kept %t: announced %d times, want %d", kept, x.begun, want)
		}
	}
}
