package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/overrides-mesh/overrides/internal/explain"
	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

// player is a running world.
type player interface {
	Oracle() *conform.Oracle
	Send(ctx context.Context, c *conform.Case) (*conform.Observation, error)
}

// attempts is how often a case is sent if its request may reach several servers. The test
// must see all of them; the rarest gets every tenth request, and is missed with a
// probability of 10⁻¹¹.
const attempts = 250

// played is the outcome of a case.
type played struct {
	expected *conform.Expectation
	// seen are all outcomes, in the form of Want, answers all other properties except the
	// carriers, and wrong the differences from the expectation.
	seen    []string
	answers []string
	wrong   []string
}

// workers is the number of concurrent requests: some take seconds.
const workers = 8

// parallel calls do for each of n, a few at a time.
func parallel(n int, do func(int)) {
	var group errgroup.Group
	group.SetLimit(workers)
	for i := range n {
		group.Go(func() error {
			do(i)
			return nil
		})
	}
	_ = group.Wait() // none returns an error
}

// sendAll sends all cases.
func sendAll(t *testing.T, w *conform.World, p player, all []conform.Case) []played {
	t.Helper()
	out := make([]played, len(all))
	parallel(len(all), func(i int) { out[i] = send(t.Context(), w, p, &all[i]) })
	return out
}

// judge runs a subtest for each case.
func judge(t *testing.T, w *conform.World, o *conform.Oracle, all []conform.Case, results []played) {
	t.Helper()
	for i := range all {
		c, r := &all[i], &results[i]
		t.Run(c.Name, func(t *testing.T) {
			wrong := r.wrong
			if c.Known {
				if len(wrong) == 0 {
					t.Error("a known disagreement no longer exists: remove the mark")
				}
				return
			}
			if r.expected != nil {
				wrong = append(wrong, disagreement(o, c, r.expected)...)
				wanted := w.Outcomes(r.expected)
				want := slices.Sorted(slices.Values(c.Want))
				if len(want) > 0 && (!c.Cluster || o.Cluster) && !slices.Equal(wanted, want) {
					wrong = append(wrong, fmt.Sprintf("the tables give %v, want %v", wanted, want))
				}
			}
			if len(wrong) > 0 {
				report(t, c, r, wrong)
			}
		})
	}
}

// slow is the duration of a request that is sent only once.
const slow = 400 * time.Millisecond

// send sends a case as often as necessary.
func send(ctx context.Context, w *conform.World, p player, c *conform.Case) played {
	var r played
	var err error
	if r.expected, err = p.Oracle().Expect(c); err != nil {
		r.wrong = append(r.wrong, fmt.Sprintf("nothing can be expected: %v", err))
		return r
	}
	wanted := w.Outcomes(r.expected)
	for n := range attempts {
		observed, err := p.Send(ctx, c)
		if err != nil {
			r.wrong = append(r.wrong, err.Error())
			return r
		}
		if outcome := w.Outcome(observed); !slices.Contains(r.seen, outcome) {
			r.seen = append(r.seen, outcome)
		}
		if answer := signature(observed, carriers...); !slices.Contains(r.answers, answer) {
			r.answers = append(r.answers, answer)
		}
		if r.wrong = r.expected.Compare(observed); len(r.wrong) > 0 {
			return r
		}
		if len(r.seen) == len(wanted) || observed.Elapsed > slow || (c.Kind != conform.Picked && n > 0) {
			return r
		}
	}
	r.wrong = append(r.wrong, fmt.Sprintf("of %v only %v were seen in %d requests", wanted, r.seen, attempts))
	return r
}

// disagreement returns the differences between explain and Evaluate. A caller without a
// Service has several names, and explain knows it by one at a time.
func disagreement(o *conform.Oracle, c *conform.Case, e *conform.Expectation) []string {
	if e.Table == "" {
		return nil
	}
	request, err := o.Request(c)
	if err != nil {
		return []string{err.Error()}
	}
	var rows []string
	for _, name := range names(request.Caller) {
		explained, err := explain.New(o.Snapshot, o.Result, explain.Query{
			Chain: []string{o.Host(c)}, Namespace: request.Caller.Namespace, From: request.Caller.Namespace + "/" + name,
			Header: request.Header, Method: c.Method, Path: c.Path, Authority: c.Host, Port: c.Port,
		})
		if err != nil {
			return []string{fmt.Sprintf("explain: %v", err)}
		}
		if explained.Hops[0].Route == e.Row {
			return nil
		}
		rows = append(rows, explained.Hops[0].Route)
	}
	return []string{fmt.Sprintf("explain takes row %q, Evaluate %q", rows, e.Row)}
}

// names are the names of a caller in a condition.
func names(c route.Caller) []string {
	var out []string
	for _, label := range []string{"app", "service.istio.io/canonical-name"} {
		if name := c.Labels[label]; name != "" && !slices.Contains(out, name) {
			out = append(out, name)
		}
	}
	return out
}

// report reports everything that went wrong with a case.
func report(t *testing.T, c *conform.Case, r *played, wrong []string) {
	t.Helper()
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n", strings.Join(wrong, "\n"))
	if c.Why != "" {
		fmt.Fprintf(&out, "  purpose: %s\n", c.Why)
	}
	fmt.Fprintf(&out, "  from %s: %s\n", c.From, c.Curl())
	if e := r.expected; e != nil {
		fmt.Fprintf(&out, "  Evaluate: table %q, row %q, servers %v, status %d\n", e.Table, e.Row, e.Servers, e.Status)
	}
	fmt.Fprintf(&out, "  seen: %v\n", r.seen)
	fmt.Fprintf(&out, "  rerun: make e2e TESTFLAGS=\"-run '^%s$'\"", strings.ReplaceAll(t.Name(), "/", "$$/^"))
	t.Error(out.String())
}
