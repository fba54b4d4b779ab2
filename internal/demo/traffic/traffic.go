package traffic

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/overrides-mesh/overrides/internal/demo/chain"
	"github.com/overrides-mesh/overrides/internal/demo/judge"
	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/internal/route"
)

// Target is the target of requests.
type Target struct {
	URL    string
	Caller route.Caller
	// Overrides are the headers that requests have in turn; without any, only ordinary
	// requests are sent.
	Overrides []string
}

// Counts are the results of requests.
type Counts struct {
	// Ordinary and Override count requests, Failed those of both without an answer, and
	// Misrouted those that took a wrong path.
	Ordinary, Override, Failed, Misrouted int
}

// String returns the counts as text.
func (c Counts) String() string {
	return fmt.Sprintf("%d ordinary and %d override requests, %d failed, %d misrouted", c.Ordinary, c.Override, c.Failed, c.Misrouted)
}

// Wrong counts the requests that failed or were misrouted.
func (c Counts) Wrong() int { return c.Failed + c.Misrouted }

// Options are the settings of Traffic.
type Options struct {
	Client *http.Client
	Judge  *judge.Judge
	// Header is the name of the override header.
	Header string
	// Rate is the number of requests of each kind in a second.
	Rate float64
}

// Traffic sends requests while it runs.
type Traffic struct {
	options Options
	load    *load.Load

	mu     sync.Mutex
	target Target
	// turn counts requests with an override.
	turn int
	// faults are the first few faults, as text.
	faults []string
}

// maxFaults is the number of faults that are kept as text.
const maxFaults = 10

// The classes of answers for package load.
const (
	right     = "right"
	misrouted = "misrouted"
)

// Start begins to send.
func Start(ctx context.Context, o Options, target Target) *Traffic {
	t := &Traffic{options: o, target: target}
	isRight := func(answer string) bool { return answer == right }
	// Requests in flight at the end are still answered, and counted.
	t.load = load.Start(context.WithoutCancel(ctx),
		load.Source{Name: "ordinary", Rate: o.Rate, Send: t.ordinary, Want: isRight},
		load.Source{Name: "override", Rate: o.Rate, Send: t.override, Want: isRight})
	return t
}

// Aim changes the target.
func (t *Traffic) Aim(target Target) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.target = target
}

// Counts returns the results of the requests so far, and the first few faults.
func (t *Traffic) Counts() (Counts, []string) {
	counts := t.load.Counts()
	ordinary, override := &counts[0], &counts[1]
	t.mu.Lock()
	defer t.mu.Unlock()
	return Counts{
		Ordinary: ordinary.Sent, Override: override.Sent,
		Failed: ordinary.Failed + override.Failed, Misrouted: ordinary.Wrong + override.Wrong,
	}, slices.Clone(t.faults)
}

// Stop sends no more requests, and waits for those in flight.
func (t *Traffic) Stop() {
	t.load.Stop()
	t.options.Client.CloseIdleConnections()
}

func (t *Traffic) ordinary(ctx context.Context) (string, error) {
	t.mu.Lock()
	target := t.target
	t.mu.Unlock()
	return t.send(ctx, &target, "")
}

func (t *Traffic) override(ctx context.Context) (string, error) {
	t.mu.Lock()
	target, turn := t.target, t.turn
	t.turn++
	t.mu.Unlock()
	if len(target.Overrides) == 0 {
		return "", load.ErrSkip
	}
	return t.send(ctx, &target, target.Overrides[turn%len(target.Overrides)])
}

// send sends one request, and reports whether it took the right path.
func (t *Traffic) send(ctx context.Context, target *Target, override string) (string, error) {
	if target.URL == "" {
		return "", load.ErrSkip
	}
	call := &judge.Call{Caller: target.Caller, Method: http.MethodGet, URL: target.URL, Header: http.Header{}}
	if override != "" {
		call.Header.Set(t.options.Header, override)
	}
	request := t.options.Judge.Begin()
	answer, err := t.ask(ctx, call)
	wrong := request.End(call, answer)
	if err == nil && failed(answer) {
		err = fmt.Errorf("status %d: %s", answer.Status, answer)
	}
	switch {
	case err != nil:
		t.note(call, override, err)
		return "", err
	case wrong != nil:
		t.note(call, override, wrong)
		return misrouted, nil
	}
	return right, nil
}

func (t *Traffic) note(call *judge.Call, override string, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.faults) < maxFaults {
		t.faults = append(t.faults, fmt.Sprintf("%s with %s %q: %v", call.URL, t.options.Header, override, err))
	}
}

func (t *Traffic) ask(ctx context.Context, call *judge.Call) (*chain.Answer, error) {
	req, err := http.NewRequestWithContext(ctx, call.Method, call.URL, http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header = call.Header.Clone()
	res, err := t.options.Client.Do(req)
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
