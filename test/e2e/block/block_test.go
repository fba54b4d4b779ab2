package block_test

import (
	"context"
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/test/e2e/block"
)

// TestMeasure measures requests of two kinds, of which one works and the other sleeps.
func TestMeasure(t *testing.T) {
	t.Parallel()
	var sent [2]atomic.Int64
	busy := &block.Block{Name: "busy", Send: func(context.Context) error {
		sent[0].Add(1)
		for began := time.Now(); time.Since(began) < time.Millisecond; {
		}
		return nil
	}}
	idle := &block.Block{Name: "idle", Send: func(context.Context) error {
		sent[1].Add(1)
		<-time.After(time.Millisecond)
		return nil
	}}
	options := block.Options{PID: os.Getpid(), Rounds: 3, Length: 30 * time.Millisecond, Workers: 1, Progress: io.Discard}
	if err := block.Measure(t.Context(), options, []*block.Block{busy, idle}); err != nil {
		t.Fatal(err)
	}
	for _, b := range []*block.Block{busy, idle} {
		if b.PerSecond() <= 0 || b.Latency(0.5) < time.Millisecond {
			t.Errorf("%s: %.0f requests per second, in %v", b.Name, b.PerSecond(), b.Latency(0.5))
		}
	}
	if busy.CPU() <= 0 || sent[0].Load() == 0 || sent[1].Load() == 0 {
		t.Errorf("%v of CPU, %d and %d requests", busy.CPU(), sent[0].Load(), sent[1].Load())
	}
	failure := errors.New("no answer")
	failing := &block.Block{Name: "failing", Send: func(context.Context) error { return failure }}
	if err := block.Measure(t.Context(), options, []*block.Block{failing}); !errors.Is(err, failure) {
		t.Errorf("got error %v", err)
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	if odd, even := block.Median([]float64{3, 1, 2}), block.Median([]time.Duration{4, 1, 2, 8}); odd != 2 || even != 3 {
		t.Errorf("got %v and %v", odd, even)
	}
}
