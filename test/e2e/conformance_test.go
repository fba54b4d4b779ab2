package e2e_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/explain"
	"github.com/overrides-mesh/overrides/internal/route"
	"github.com/overrides-mesh/overrides/test/e2e/conform"
)

// player is a world that runs.
type player interface {
	Oracle() *conform.Oracle
	Send(ctx context.Context, c *conform.Case) (*conform.Observation, error)
}

// attempts is how often a case is sent whose request may go to several places.
// All of them have to be seen, the rarest of which gets every tenth request: that
// one is missed once in 10¹¹ times.
const attempts = 250

// played is what became of a case.
type played struct {
	expected *conform.Expectation
	// seen are all outcomes, in the form of Want, and wrong what was not as expected.
	seen  []string
	wrong []string
}

// play sends all cases, and then has a subtest for each. logged may say what else
// is wrong with one, by what its proxy logged; it is asked when all were sent.
func play(t *testing.T, w *conform.World, p player, logged func(*conform.Case) []string) {
	t.Helper()
	all := cases(t, w)
	results := make([]played, len(all))
	for i := range all {
		results[i] = send(t, w, p, &all[i])
	}
	for i := range all {
		c, r := &all[i], &results[i]
		t.Run(c.Name, func(t *testing.T) {
			wrong := append(slices.Clone(r.wrong), logged(c)...)
			if r.expected != nil {
				wrong = append(wrong, disagreement(p.Oracle(), c, r.expected)...)
				slices.Sort(r.seen)
				wanted := w.Outcomes(r.expected)
				if want := slices.Sorted(slices.Values(c.Want)); len(want) > 0 && !slices.Equal(wanted, want) {
					wrong = append(wrong, fmt.Sprintf("the tables give %v, want %v", wanted, want))
				}
			}
			if len(wrong) > 0 {
				report(t, c, r, wrong)
			}
		})
	}
}

// send sends a case as often as it takes.
func send(t *testing.T, w *conform.World, p player, c *conform.Case) played {
	t.Helper()
	var r played
	var err error
	if r.expected, err = p.Oracle().Expect(c); err != nil {
		r.wrong = append(r.wrong, fmt.Sprintf("nothing can be expected: %v", err))
		return r
	}
	wanted := w.Outcomes(r.expected)
	for n := range attempts {
		observed, err := p.Send(t.Context(), c)
		if err != nil {
			r.wrong = append(r.wrong, err.Error())
			return r
		}
		if outcome := w.Outcome(observed); !slices.Contains(r.seen, outcome) {
			r.seen = append(r.seen, outcome)
		}
		if r.wrong = r.expected.Compare(observed); len(r.wrong) > 0 {
			return r
		}
		if len(r.seen) == len(wanted) || (c.Kind != conform.Picked && n > 0) {
			return r
		}
	}
	r.wrong = append(r.wrong, fmt.Sprintf("of %v only %v were seen in %d requests", wanted, r.seen, attempts))
	return r
}

// disagreement says where explain says something else than Evaluate.
func disagreement(o *conform.Oracle, c *conform.Case, e *conform.Expectation) []string {
	if e.Table == "" {
		return nil
	}
	request, err := o.Request(c)
	if err != nil {
		return []string{err.Error()}
	}
	caller, err := o.World.Workload(c.From)
	if err != nil {
		return []string{err.Error()}
	}
	host, _, _ := strings.Cut(c.Host, ":")
	if s, err := o.World.Service(c.Service); err == nil && o.Table(c).Hosts[0] == s.FQDN() {
		host = s.FQDN()
	}
	explained, err := explain.New(o.Snapshot, o.Result, explain.Query{
		Chain: []string{host}, Namespace: caller.Namespace, From: caller.Namespace + "/" + callerName(caller.Source()),
		Header: request.Header, Method: c.Method, Path: c.Path, Authority: c.Host, Port: c.Port,
	})
	if err != nil {
		return []string{fmt.Sprintf("explain: %v", err)}
	}
	got := explained.Hops[0].Route
	if row, _, found := strings.Cut(e.Route, got); got == "" && e.Route != "" || got != "" && (!found || row != "") {
		return []string{fmt.Sprintf("explain takes row %q, Evaluate %q", got, e.Route)}
	}
	return nil
}

// callerName is how a condition names a caller.
func callerName(c route.Caller) string {
	if name := c.Labels["app"]; name != "" {
		return name
	}
	return c.Labels["service.istio.io/canonical-name"]
}

// report says everything about a case that went wrong.
func report(t *testing.T, c *conform.Case, r *played, wrong []string) {
	t.Helper()
	var out strings.Builder
	fmt.Fprintf(&out, "%s\n", strings.Join(wrong, "\n"))
	if c.Why != "" {
		fmt.Fprintf(&out, "  why it is there: %s\n", c.Why)
	}
	fmt.Fprintf(&out, "  from %s: %s\n", c.From, c.Curl())
	if e := r.expected; e != nil {
		fmt.Fprintf(&out, "  Evaluate: table %q, row %q, servers %v, status %d\n", e.Table, e.Route, e.Servers, e.Status)
	}
	fmt.Fprintf(&out, "  seen: %v\n", r.seen)
	fmt.Fprintf(&out, "  rerun: make e2e TESTFLAGS=\"-run '^%s$'\"", strings.ReplaceAll(t.Name(), "/", "$/^"))
	t.Error(out.String())
}
