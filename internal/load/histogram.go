package load

import (
	"math"
	"time"
)

const (
	// finest is the bound of the first bucket.
	finest = 10 * time.Microsecond
	// growth is the ratio of the bounds of consecutive buckets.
	growth = 1.05
	// buckets reach beyond ten minutes.
	buckets = 384
)

// Histogram counts durations, with an error of at most 5 %. The zero value is
// ready to use; copies are independent.
type Histogram struct {
	counts [buckets]uint32
	total  int
	max    time.Duration
}

// Add counts a duration.
func (h *Histogram) Add(d time.Duration) {
	h.total++
	h.max = max(h.max, d)
	h.counts[bucket(d)]++
}

func bucket(d time.Duration) int {
	if d <= finest {
		return 0
	}
	return min(buckets-1, int(math.Ceil(math.Log(float64(d)/float64(finest))/math.Log(growth))))
}

// Quantile returns the duration that a share q of all durations do not exceed, 0 if there
// are none.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := int(math.Ceil(q * float64(h.total)))
	seen := 0
	for i, n := range h.counts {
		seen += int(n)
		if seen >= rank && n > 0 {
			bound := time.Duration(float64(finest) * math.Pow(growth, float64(i)))
			return min(bound, h.max).Round(10 * time.Microsecond)
		}
	}
	return 0
}

// Max returns the longest duration.
func (h *Histogram) Max() time.Duration { return h.max.Round(10 * time.Microsecond) }

// Total returns the number of durations.
func (h *Histogram) Total() int { return h.total }

// Merge adds the durations of another histogram.
func (h *Histogram) Merge(other *Histogram) {
	for i, n := range other.counts {
		h.counts[i] += n
	}
	h.total += other.total
	h.max = max(h.max, other.max)
}
