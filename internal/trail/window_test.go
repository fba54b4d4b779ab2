package trail_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/trail"
)

// TestWindow: whatever arrives when, a window holds the latest records, in order, within its limits,
// and no record that would fit goes.
func TestWindow(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		type held struct {
			id   string
			size int
			at   time.Time
		}
		w := &trail.Window{MaxBytes: rapid.IntRange(1, 20_000).Draw(t, "bytes"), MaxAge: time.Duration(rapid.IntRange(1, 50).Draw(t, "age")) * time.Second}
		var model []held
		now, arrived, evicted := time.Unix(0, 0), 0, 0
		trim := func() {
			sum := 0
			for i, h := range slices.Backward(model) {
				if sum += h.size; sum > w.MaxBytes || now.Sub(h.at) > w.MaxAge {
					model = model[i+1:]
					return
				}
			}
		}
		for i := range rapid.IntRange(0, 100).Draw(t, "steps") {
			now = now.Add(time.Duration(rapid.IntRange(0, 10).Draw(t, "seconds")) * time.Second)
			if rapid.IntRange(0, 9).Draw(t, "kind") == 0 {
				evicted += w.Expire(now)
			} else {
				r := trail.Record{ID: fmt.Sprint(i), Path: rapid.StringN(0, -1, 3000).Draw(t, "path")}
				arrived++
				evicted += w.Add(&r, now)
				if size := trail.Size(&r); size <= w.MaxBytes {
					model = append(model, held{r.ID, size, now})
				}
				if size := trail.Size(&r); size > w.MaxBytes {
					continue // nothing goes for one that never fits
				}
			}
			trim()
			var want, got []string
			sum := 0
			for _, h := range model {
				want, sum = append(want, h.id), sum+h.size
			}
			for _, r := range w.Find(&trail.Query{}) {
				got = append(got, r.ID)
			}
			if !slices.Equal(got, want) || w.Len() != len(want) || w.Bytes() != sum || w.Len()+evicted != arrived {
				t.Fatalf("holds %v, %d records, %d bytes, %d evicted of %d; want %v, %d bytes", got, w.Len(), w.Bytes(), evicted, arrived, want, sum)
			}
		}
	})
}

// TestQuery: a query asks for what all of its parts say.
func TestQuery(t *testing.T) {
	t.Parallel()
	start := time.Unix(100, 0)
	r := trail.Record{
		RequestID: "r", TraceID: "t", Mark: "m", Start: start,
		Header: "service-3:v2;strict, broken, cart.shop:v3", Baggage: "*:pr-118",
	}
	for _, c := range []struct {
		query trail.Query
		want  bool
	}{
		{trail.Query{}, true},
		{trail.Query{RequestID: "r", TraceID: "t", Mark: "m", Member: "service-3:v2", Since: start}, true},
		{trail.Query{RequestID: "x", TraceID: "t"}, false},
		{trail.Query{TraceID: "x"}, false},
		{trail.Query{Mark: "x"}, false},
		{trail.Query{Since: start.Add(1)}, false},
		{trail.Query{Member: "service-3:v3"}, false},
		{trail.Query{Member: "cart.shop:v3"}, true},
		{trail.Query{Member: "cart:v3"}, false},
		{trail.Query{Member: "pr-118"}, true},
		{trail.Query{Member: "*:pr-118"}, true},
		{trail.Query{Member: "v2"}, false},
	} {
		if got := c.query.Matches(&r); got != c.want {
			t.Errorf("%+v: %v", c.query, got)
		}
	}
}
