package packed

import (
	"maps"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMap(t *testing.T) {
	t.Parallel()
	odd, even := Of(map[int]string{1: "a", 3: "c"}), Of(map[int]string{2: "b", 4: "d"})
	all := odd.Add(nil, even)
	want := map[int]string{1: "a", 2: "b", 3: "c", 4: "d"}
	if diff := cmp.Diff(want, all.Unpack()); diff != "" {
		t.Errorf("both (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[int]string{1: "a", 3: "c"}, maps.Collect(odd.All())); diff != "" {
		t.Errorf("the first has changed (-want +got):\n%s", diff)
	}
	unpacked := all.Unpack()
	unpacked[1] = "z"
	if diff := cmp.Diff(want, all.Unpack()); diff != "" {
		t.Errorf("it has changed (-want +got):\n%s", diff)
	}
	parts := map[bool]*Map[int, string]{true: {}, false: {}}
	all.Divide(func(n int) *Map[int, string] { return parts[n%2 == 0] })
	if diff := cmp.Diff(even.Unpack(), parts[true].Unpack()); diff != "" {
		t.Errorf("the even ones (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(odd.Unpack(), parts[false].Unpack()); diff != "" {
		t.Errorf("the odd ones (-want +got):\n%s", diff)
	}
	empty := Of(map[int]string{})
	if empty != nil || empty.Unpack() == nil {
		t.Errorf("an empty one is %v, and unpacked %v", empty, empty.Unpack())
	}
}
