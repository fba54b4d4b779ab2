package load_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/overrides-mesh/overrides/internal/load"
)

// TestCounts: every request that was sent is in one of the columns.
func TestCounts(t *testing.T) {
	t.Parallel()
	var sent atomic.Int64
	enough := make(chan struct{})
	l := load.Start(t.Context(), load.Source{
		Name: "mixed", Rate: 1000,
		Send: func(context.Context) (string, error) {
			n := sent.Add(1)
			if n == 30 {
				close(enough)
			}
			switch n % 3 {
			case 0:
				return "", errors.New("refused")
			case 1:
				return "v1", nil
			}
			return "v2", nil
		},
		Want: func(answer string) bool { return answer == "v1" },
	})
	<-enough
	count := l.Stop()[0]
	if got := int(sent.Load()); count.Sent != got || count.Answers["v1"]+count.Wrong+count.Failed != got {
		t.Errorf("%d were sent: %s", got, count.String())
	}
	if count.Wrong != count.Answers["v2"] || count.Failed != count.Errors["refused"] || count.Wrong == 0 || count.Failed == 0 {
		t.Errorf("counted %s", count.String())
	}
	if count.OK() || !strings.Contains(count.String(), "× refused") {
		t.Errorf("said %s", count.String())
	}
}

// TestOpenLoop: a request that hangs delays no other.
func TestOpenLoop(t *testing.T) {
	t.Parallel()
	release, reached := make(chan struct{}), make(chan struct{})
	var sent atomic.Int64
	l := load.Start(t.Context(), load.Source{Name: "hanging", Rate: 1000, Send: func(context.Context) (string, error) {
		if sent.Add(1) == 10 {
			close(reached)
		}
		<-release
		return "late", nil
	}})
	<-reached
	close(release)
	if count := l.Stop()[0]; !count.OK() || count.Answers["late"] != count.Sent {
		t.Error(count.String())
	}
}

// TestNothingSent: a load without requests is not OK.
func TestNothingSent(t *testing.T) {
	t.Parallel()
	l := load.Start(t.Context(), load.Source{Name: "rare", Rate: 0.001, Send: func(context.Context) (string, error) { return "", nil }})
	if count := l.Stop()[0]; count.OK() {
		t.Error(count.String())
	}
}

// TestSkip: requests that were not sent are not counted.
func TestSkip(t *testing.T) {
	t.Parallel()
	var calls atomic.Int64
	enough := make(chan struct{})
	l := load.Start(t.Context(), load.Source{Name: "half", Rate: 1000, Send: func(context.Context) (string, error) {
		n := calls.Add(1)
		if n == 10 {
			close(enough)
		}
		if n%2 == 0 {
			return "", load.ErrSkip
		}
		return "v1", nil
	}})
	<-enough
	if count := l.Stop()[0]; !count.OK() || count.Sent != int(calls.Load()+1)/2 {
		t.Errorf("of %d calls: %s", calls.Load(), count.String())
	}
}

func TestHistogram(t *testing.T) {
	t.Parallel()
	var h load.Histogram
	if h.Quantile(0.5) != 0 {
		t.Error("an empty one has a median")
	}
	for i := 1; i <= 1000; i++ {
		h.Add(time.Duration(i) * time.Millisecond)
	}
	for _, test := range []struct {
		q    float64
		want time.Duration
	}{{0.5, 500 * time.Millisecond}, {0.99, 990 * time.Millisecond}, {1, time.Second}} {
		got := h.Quantile(test.q)
		if got < test.want || float64(got) > float64(test.want)*1.06 {
			t.Errorf("quantile %v is %v, want %v", test.q, got, test.want)
		}
	}
	if h.Max() != time.Second || h.Total() != 1000 {
		t.Errorf("max %v, total %d", h.Max(), h.Total())
	}
}
