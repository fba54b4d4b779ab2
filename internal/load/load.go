package load

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"
)

// ErrSkip is returned by a Send that has sent nothing; this is not counted.
var ErrSkip = errors.New("nothing to send")

// Source is one kind of request.
type Source struct {
	Name string
	// Rate is in requests per second.
	Rate float64
	// Send makes one request and returns the answer. Several may run at once.
	Send func(context.Context) (answer string, err error)
	// Want reports whether an answer is correct; nil if any is.
	Want func(answer string) bool
}

// Count is the results of the requests of a Source.
type Count struct {
	Name string
	// Sent counts all of them: answered, wrong and failed.
	Sent int
	// Wrong counts wrong answers.
	Wrong int
	// Failed counts requests without an answer.
	Failed int
	// Answers counts requests by answer, correct or wrong.
	Answers map[string]int
	// Errors counts failures by their text; beyond maxErrors texts, under "other".
	Errors map[string]int
	// Latency is the latency of answered requests.
	Latency Histogram
}

// maxErrors limits the number of different error texts.
const maxErrors = 20

// OK reports whether every request had a correct answer. It is false if there was none.
func (c *Count) OK() bool { return c.Sent > 0 && c.Wrong == 0 && c.Failed == 0 }

// String returns the count in one line.
func (c *Count) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %d sent, %d failed, %d misrouted, p50 %v, p99 %v, max %v", c.Name, c.Sent, c.Failed, c.Wrong,
		c.Latency.Quantile(0.5), c.Latency.Quantile(0.99), c.Latency.Max())
	for _, part := range []map[string]int{c.Answers, c.Errors} {
		for _, text := range slices.Sorted(maps.Keys(part)) {
			fmt.Fprintf(&b, "; %d × %s", part[text], text)
		}
	}
	return b.String()
}

// Load is a running load.
type Load struct {
	stop    chan struct{}
	senders sync.WaitGroup

	mu     sync.Mutex
	counts []Count
}

// Start begins to send. The requests use ctx: when it ends, they fail. Call Stop to end
// the load without failures.
func Start(ctx context.Context, sources ...Source) *Load {
	l := &Load{stop: make(chan struct{})}
	for i, source := range sources {
		l.counts = append(l.counts, Count{Name: source.Name, Answers: map[string]int{}, Errors: map[string]int{}})
		l.senders.Go(func() { l.send(ctx, i, source) })
	}
	return l
}

// Stop ends the load, waits for requests in flight, and returns the counts, in the order
// of the sources. It may be called once.
func (l *Load) Stop() []Count {
	close(l.stop)
	l.senders.Wait()
	return l.Counts()
}

// Counts returns the counts so far.
func (l *Load) Counts() []Count {
	l.mu.Lock()
	defer l.mu.Unlock()
	counts := slices.Clone(l.counts)
	for i := range counts {
		counts[i].Answers = maps.Clone(counts[i].Answers)
		counts[i].Errors = maps.Clone(counts[i].Errors)
	}
	return counts
}

// send sends at the rate of a source until the load is stopped.
func (l *Load) send(ctx context.Context, index int, source Source) {
	ticker := time.NewTicker(time.Duration(float64(time.Second) / source.Rate))
	defer ticker.Stop()
	for {
		select {
		case <-l.stop:
			return
		case <-ctx.Done():
			return
		case <-ticker.C:
			l.senders.Go(func() {
				began := time.Now()
				answer, err := source.Send(ctx)
				l.count(index, source, outcome{answer: answer, err: err, took: time.Since(began)})
			})
		}
	}
}

// outcome is the result of one request.
type outcome struct {
	answer string
	err    error
	took   time.Duration
}

func (l *Load) count(index int, source Source, o outcome) {
	if errors.Is(o.err, ErrSkip) {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	c := &l.counts[index]
	c.Sent++
	if o.err != nil {
		c.Failed++
		text := o.err.Error()
		if _, known := c.Errors[text]; !known && len(c.Errors) >= maxErrors {
			text = "other"
		}
		c.Errors[text]++
		return
	}
	c.Answers[o.answer]++
	c.Latency.Add(o.took)
	if source.Want != nil && !source.Want(o.answer) {
		c.Wrong++
	}
}
