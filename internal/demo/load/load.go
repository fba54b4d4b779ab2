package load

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/demo/oracle"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Target is what requests are sent to.
type Target struct {
	URL    string
	Caller route.Caller
	// Overrides are the headers that requests carry in turn; without any, only
	// ordinary requests are sent.
	Overrides []string
}

// Counts is what became of requests.
type Counts struct {
	// Ordinary and Override count requests, Failed those of both that got no
	// answer, and Misrouted those that took a wrong path.
	Ordinary, Override, Failed, Misrouted int
}

// String returns the counts for people.
func (c Counts) String() string {
	return fmt.Sprintf("%d ordinary and %d override requests, %d failed, %d misrouted", c.Ordinary, c.Override, c.Failed, c.Misrouted)
}

// Wrong counts the requests with which something went wrong.
func (c Counts) Wrong() int { return c.Failed + c.Misrouted }

// Options are what a load works with.
type Options struct {
	Client *http.Client
	Judge  *oracle.Judge
	// Header is the name of the override header.
	Header string
	// Pause is the time from one request of a kind to the next.
	Pause time.Duration
}

// Load sends requests while it runs.
type Load struct {
	options Options

	mu     sync.Mutex
	target Target
	counts Counts
	// faults are the first few, in words.
	faults []string
	stop   chan struct{}
	done   sync.WaitGroup
}

// maxFaults is how many faults are kept in words.
const maxFaults = 10

// Start begins to send.
func Start(ctx context.Context, o Options, target Target) *Load {
	l := &Load{options: o, target: target, stop: make(chan struct{})}
	// What is under way at the end is still answered, and counted.
	ctx = context.WithoutCancel(ctx)
	l.done.Go(func() { l.run(ctx, l.ordinary) })
	l.done.Go(func() { l.run(ctx, l.override) })
	return l
}

// Aim changes the target.
func (l *Load) Aim(target Target) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.target = target
}

// Counts returns what became of requests so far, and the first few faults.
func (l *Load) Counts() (Counts, []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.counts, slices.Clone(l.faults)
}

// Stop waits for the requests that are under way, and sends no more.
func (l *Load) Stop() {
	close(l.stop)
	l.done.Wait()
	l.options.Client.CloseIdleConnections()
}

func (l *Load) run(ctx context.Context, send func(ctx context.Context, n int)) {
	ticker := time.NewTicker(l.options.Pause)
	defer ticker.Stop()
	for n := 0; ; n++ {
		select {
		case <-l.stop:
			return
		case <-ticker.C:
			send(ctx, n)
		}
	}
}

func (l *Load) ordinary(ctx context.Context, _ int) {
	l.mu.Lock()
	target := l.target
	l.mu.Unlock()
	l.send(ctx, &target, "", &l.counts.Ordinary)
}

func (l *Load) override(ctx context.Context, n int) {
	l.mu.Lock()
	target := l.target
	l.mu.Unlock()
	if len(target.Overrides) > 0 {
		l.send(ctx, &target, target.Overrides[n%len(target.Overrides)], &l.counts.Override)
	}
}

// send sends one request and counts it.
func (l *Load) send(ctx context.Context, target *Target, override string, count *int) {
	if target.URL == "" {
		return
	}
	call := &oracle.Call{Caller: target.Caller, Method: http.MethodGet, URL: target.URL, Header: http.Header{}}
	if override != "" {
		call.Header.Set(l.options.Header, override)
	}
	request := l.options.Judge.Begin()
	answer, err := l.ask(ctx, call)
	wrong := request.End(call, answer)

	l.mu.Lock()
	defer l.mu.Unlock()
	*count++
	switch {
	case err != nil:
		l.counts.Failed++
		l.note(call, override, err)
	case failed(answer):
		l.counts.Failed++
		l.note(call, override, fmt.Errorf("status %d: %s", answer.Status, answer))
	case wrong != nil:
		l.counts.Misrouted++
		l.note(call, override, wrong)
	}
}

func (l *Load) note(call *oracle.Call, override string, err error) {
	if len(l.faults) < maxFaults {
		l.faults = append(l.faults, fmt.Sprintf("%s with %s %q: %v", call.URL, l.options.Header, override, err))
	}
}

func (l *Load) ask(ctx context.Context, call *oracle.Call) (*chain.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, call.Method, call.URL, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header = call.Header.Clone()
	res, err := l.options.Client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer, err := chain.Decode(res.Body)
	if err != nil {
		return nil, fmt.Errorf("status %d: %w", res.StatusCode, err)
	}
	return &answer, nil
}

// failed reports whether some call got no answer.
func failed(a *chain.Answer) bool {
	return a.Error != "" || slices.ContainsFunc(a.Calls, func(c chain.Answer) bool { return failed(&c) })
}
