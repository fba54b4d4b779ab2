package plan

import "reflect"

// reporter is what a test reports to.
type reporter interface {
	Helper()
	Fatalf(format string, args ...any)
}

// InRoom has a plan made in a room, and again in one of its own, and fails where the
// two differ, or where something is left in the room.
func InRoom(t reporter, room *Room, in Input) (Output, error) {
	t.Helper()
	want, wantErr := Plan(in)
	in.Room = room
	got, err := Plan(in)
	if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(want, got) {
		t.Fatalf("in a room that was used before it is\n%+v, %v\nand not\n%+v, %v", got, err, want, wantErr)
	}
	if n := len(room.observed) + len(room.services) + len(room.reports) + len(room.labels) + len(room.wanted) + len(room.what) + len(room.named); n > 0 {
		t.Fatalf("%d things are left in the room", n)
	}
	return got, err
}
