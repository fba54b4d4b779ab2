package plan

import (
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Anew has a plan made in the room of the one before, and again in one of its own, and
// fails where the two differ.
func Anew(t interface{ Fatalf(string, ...any) }, in Input) (Output, error) {
	bare := in
	bare.Memory.room = nil
	want, wantErr := Plan(bare)
	got, err := Plan(in)
	compared := got
	want.Memory.room, compared.Memory.room = nil, nil
	if (err == nil) != (wantErr == nil) || !reflect.DeepEqual(want, compared) {
		t.Fatalf("in the room of another plan it is\n%+v, %v\nand not\n%+v, %v", compared, err, want, wantErr)
	}
	return got, err
}

// TestRoom: plans that follow on one memory at the same time do not share a room.
func TestRoom(t *testing.T) {
	t.Parallel()
	in := Input{Snapshot: &model.Snapshot{Services: []model.Service{{Namespace: "shop", Name: "cart"}}}, Result: &compile.Result{}, Now: time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)}
	first, err := Plan(in)
	if err != nil {
		t.Fatal(err)
	}
	in.Memory = first.Memory
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 100 {
				if _, err := Plan(in); err != nil {
					t.Error(err)
				}
			}
		})
	}
	group.Wait()
	r := first.Memory.room
	if n := len(r.observed) + len(r.services) + len(r.labels) + len(r.wanted) + len(r.what) + len(r.named); n > 0 {
		t.Errorf("%d things are left in the room", n)
	}
}
