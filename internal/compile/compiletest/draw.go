package compiletest

import (
	"time"

	"pgregory.net/rapid"
)

// draw draws one cluster with some shapes.
type draw struct {
	t *rapid.T
	// on has the shapes of this cluster.
	on Shapes
	// front is set if most VirtualServices are on gateways.
	front bool
	// late has the shapes that may be drawn after all others.
	late Shapes
}

// newDraw chooses which of some shapes a cluster has: few of them mostly, so
// that those that it has can be told apart, and sometimes most of them.
func newDraw(t *rapid.T, allowed Shapes) *draw {
	d := &draw{t: t, late: allowed & PreviewNamespaces}
	allowed &^= d.late
	rarity := pick(d, "rarity", 3, 2, 5)
	for s := Shapes(1); s < end; s <<= 1 {
		if allowed&s != 0 && d.oneIn(rarity, s.String()) {
			d.on |= s
		}
	}
	return d
}

// has reports whether the cluster has one of some shapes.
func (d *draw) has(s Shapes) bool { return d.on&s != 0 }

// oneIn is true once in n draws; it shrinks to false.
func (d *draw) oneIn(n int, label string) bool {
	return rapid.IntRange(1, n).Draw(d.t, label) == n
}

// pick draws one of some values; it shrinks to the first.
func pick[T any](d *draw, label string, values ...T) T {
	return rapid.SampledFrom(values).Draw(d.t, label)
}

// some draws between least and most of some values, each at most once.
func some[T comparable](d *draw, label string, least, most int, values ...T) []T {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(values), least, most, rapid.ID).Draw(d.t, label)
}

// Made is when tests may take what Overrides makes to have been made: objects of
// the shape Ages are older, as old, and younger.
var Made = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// age draws when an object was made: mostly nothing is known of it.
func (d *draw) age() time.Time {
	if !d.has(Ages) {
		return time.Time{}
	}
	return pick(d, "age", time.Time{}, epoch, epoch.Add(time.Hour), Made, Made.Add(time.Hour))
}

// revision draws the revision that an object is labelled with.
func (d *draw) revision() string {
	if !d.has(Revisions) || !d.oneIn(3, "labelled with a revision") {
		return ""
	}
	return pick(d, "revision", "canary", "default", "prod", "gone")
}
