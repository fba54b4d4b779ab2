package cli

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/load"
	"github.com/overrides-mesh/overrides/internal/report"
	"github.com/overrides-mesh/overrides/internal/trail"
	"github.com/overrides-mesh/overrides/internal/trail/collect"
)

// tracing is the state of tracing requests that were sent.
type tracing struct {
	*app

	options  *traceOptions
	client   *collect.Client
	snapshot *trail.Snapshot
	begun    time.Time
	sent     []sent
	trails   []*trail.Trail
	// weak is set if there are no records of proxies.
	weak bool
}

const (
	// askEvery is how often the collector is asked.
	askEvery = 250 * time.Millisecond
	// quiet is how long nothing new must arrive before nothing more is expected: proxies send
	// what they have every second.
	quiet = 2 * time.Second
	// clockDifference is how much earlier than this program proxies may think that it is.
	clockDifference = time.Minute
)

// collect asks the collector until there is a complete trail of each request in which all members
// were honoured, until nothing new arrives, or until the time is up.
func (t *tracing) collect(ctx context.Context) error {
	deadline, last, seen := time.Now().Add(t.options.wait), time.Now(), 0
	for {
		records, err := t.find(ctx)
		if err != nil {
			return err
		}
		t.trails = trail.Join(records)
		if len(records) > seen {
			last, seen = time.Now(), len(records)
		}
		now := time.Now()
		if now.After(deadline) || seen > 0 && now.Sub(last) > quiet || t.complete() && t.allHonoured() {
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(askEvery):
		}
	}
}

// find returns the records of the requests: by their IDs, or all of the time if there are many.
func (t *tracing) find(ctx context.Context) ([]trail.Record, error) {
	if len(t.sent) > fewTrails/2 {
		return t.app.find(ctx, t.client, &trail.Query{Since: t.begun.Add(-clockDifference)})
	}
	var out []trail.Record
	for i := range t.sent {
		queries := []trail.Query{{TraceID: t.sent[i].traceID}}
		if mark := t.sent[i].mark; mark != "" {
			queries = append(queries, trail.Query{Mark: mark})
		}
		for j := range queries {
			records, err := t.app.find(ctx, t.client, &queries[j])
			if err != nil {
				return nil, err
			}
			out = append(out, records...)
		}
	}
	return out, nil
}

// trailOf returns the trail of a request; nil if there is none.
func (t *tracing) trailOf(s *sent) *trail.Trail {
	at := slices.IndexFunc(t.trails, s.is)
	if at < 0 {
		return nil
	}
	return t.trails[at]
}

// complete reports whether no record is known to be missing.
func (t *tracing) complete() bool {
	for i := range t.sent {
		if t.sent[i].err != nil {
			continue
		}
		if tr := t.trailOf(&t.sent[i]); tr == nil || !tr.Complete() {
			return false
		}
	}
	return true
}

func (t *tracing) allHonoured() bool {
	return !t.options.forwarding && !slices.ContainsFunc(t.sent, func(s sent) bool { return s.err == nil && !trail.Honoured(t.judge(&s)) })
}

// judge says what became of the members of one request.
func (t *tracing) judge(s *sent) []trail.Verdict {
	q := trail.Question{
		Members: t.options.asked, Asked: t.options.asked, VersionLabel: t.options.options.VersionLabel, Sent: t.options.tokenFile == "",
		Snapshot: t.snapshot, Answer: s.cached(),
	}
	for _, m := range t.options.expected {
		if !slices.Contains(q.Members, m) {
			q.Members = append(slices.Clip(q.Members), m)
		}
	}
	if t.weak {
		return trail.JudgeResponse(&trail.Response{Served: s.header.Values(grammar.ServedHeader), Errors: s.header.Values(grammar.ErrorHeader)}, &q)
	}
	q.Others = t.trails
	return trail.Judge(t.trailOf(s), q)
}

// report writes the results, and returns an error if a member that must be honoured was not.
func (t *tracing) report() error {
	if t.options.forwarding {
		return t.reportForwarding()
	}
	if len(t.sent) > 1 {
		return t.reportMany()
	}
	s := &t.sent[0]
	r := trail.Report{Trail: t.trailOf(s), Verdicts: t.judge(s), VersionLabel: t.options.options.VersionLabel}
	if err := t.writeReport(&r, t.options.output.value); err != nil {
		return err
	}
	t.say("the client got %d in %v", s.status, s.took.Round(10*time.Microsecond))
	return t.verdict(r.Verdicts)
}

// writeReport writes one trail in a format.
func (a *app) writeReport(r *trail.Report, format string) error {
	switch format {
	case "json":
		return r.JSON(a.Out)
	case "mermaid", "dot":
		for _, v := range r.Verdicts {
			a.say("%s", v)
		}
		if format == "dot" {
			return r.DOT(a.Out)
		}
		return r.Mermaid(a.Out)
	}
	return r.Text(a.Out)
}

// verdict returns the error of members that must be honoured and were not.
func (t *tracing) verdict(verdicts []trail.Verdict) error {
	for _, m := range t.options.expected {
		at := slices.IndexFunc(verdicts, func(v trail.Verdict) bool { return v.Member == m.String() })
		if !verdicts[at].Honoured {
			return errReported
		}
	}
	return nil
}

// reportForwarding writes which services forward overrides.
func (t *tracing) reportForwarding() error {
	var own []*trail.Trail
	for i := range t.sent {
		if tr := t.trailOf(&t.sent[i]); tr != nil {
			own = append(own, tr)
		}
	}
	if len(own) == 0 {
		return fmt.Errorf("no proxy reported the request within %v (--wait): the collector gets no records, or the request passed no proxy that reports", t.options.wait)
	}
	list := trail.Forwarders(own)
	var err error
	if t.options.output.value == "json" {
		err = encodeJSON(t.Out, map[string]any{"services": list})
	} else {
		err = trail.WriteForwarders(t.Out, list)
	}
	if err == nil && slices.ContainsFunc(list, func(f trail.Forwarder) bool { return f.Does == trail.Drops }) {
		err = errReported
	}
	return err
}

// traceSummary is the result of many requests.
type traceSummary struct {
	Requests int `json:"requests"`
	Failed   int `json:"failed"`
	// Statuses and Served count responses by status, and calls by what served them.
	Statuses map[int]int    `json:"statuses"`
	Served   map[string]int `json:"served"`
	P50      string         `json:"p50"`
	P99      string         `json:"p99"`
	Max      string         `json:"max"`
	Members  []memberCount  `json:"members"`
}

// memberCount counts what became of one member.
type memberCount struct {
	Member   string `json:"member"`
	Honoured int    `json:"honoured"`
	// Not counts the requests in which it was not honoured, by reason and message.
	Not map[string]int `json:"not,omitempty"`
}

// reportMany writes a summary.
func (t *tracing) reportMany() error {
	var latency load.Histogram
	out := traceSummary{Requests: len(t.sent), Statuses: map[int]int{}, Served: map[string]int{}, Members: []memberCount{}}
	var failed error
	var members trail.Tallies
	for i := range t.sent {
		s := &t.sent[i]
		if s.err != nil {
			out.Failed++
			continue
		}
		latency.Add(s.took)
		out.Statuses[s.status]++
		if tr := t.trailOf(s); tr != nil {
			for _, h := range tr.All() {
				if v := h.Version(t.options.options.VersionLabel); v != "" {
					out.Served[h.Called()+":"+v]++
				}
			}
		}
		verdicts := t.judge(s)
		for _, v := range verdicts {
			members.Add(v)
		}
		failed = cmp.Or(failed, t.verdict(verdicts))
	}
	for i := range members {
		out.Members = append(out.Members, countOf(&members[i]))
	}
	out.P50, out.P99, out.Max = latency.Quantile(0.5).String(), latency.Quantile(0.99).String(), latency.Max().String()
	if out.Failed > 0 && len(t.options.expected) > 0 {
		failed = errReported
	}
	if t.options.output.value == "json" {
		return cmp.Or(encodeJSON(t.Out, out), failed)
	}
	return cmp.Or(t.writeSummary(&out), failed)
}

// countOf has the form of the summary.
func countOf(t *trail.Tally) memberCount {
	out := memberCount{Member: t.Member, Honoured: t.Honoured}
	for _, n := range t.Not {
		if out.Not == nil {
			out.Not = map[string]int{}
		}
		out.Not[n.Message+" ["+string(n.Reason)+"]"] = n.Requests
	}
	return out
}

func (t *tracing) writeSummary(s *traceSummary) error {
	t.say("%s: %d failed, p50 %s, p99 %s, max %s", report.Number(s.Requests, "request"), s.Failed, s.P50, s.P99, s.Max)
	rows := [][]string{{"WHAT", "COUNT"}}
	for _, status := range slices.Sorted(maps.Keys(s.Statuses)) {
		rows = append(rows, []string{fmt.Sprintf("status %d", status), fmt.Sprint(s.Statuses[status])})
	}
	for _, served := range slices.Sorted(maps.Keys(s.Served)) {
		rows = append(rows, []string{"served by " + served, fmt.Sprint(s.Served[served])})
	}
	for _, m := range s.Members {
		rows = append(rows, []string{"✓ " + m.Member, fmt.Sprint(m.Honoured)})
		for _, why := range slices.Sorted(maps.Keys(m.Not)) {
			rows = append(rows, []string{"✗ " + m.Member + ": " + strings.TrimSpace(why), fmt.Sprint(m.Not[why])})
		}
	}
	return report.Table(t.Out, rows)
}
