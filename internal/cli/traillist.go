package cli

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/trail"
	"github.com/overrides-mesh/overrides/internal/trail/collect"
)

// trailOptions are the flags of commands that show trails of requests that others sent.
type trailOptions struct {
	*input

	collector   collectorFlags
	query       trail.Query
	member, set string
	since       time.Duration
	output      format
	follow      bool

	wanted []grammar.Member
}

func (a *app) addTrailFlags(cmd *cobra.Command, o *trailOptions) {
	flags := cmd.Flags()
	flags.StringVar(&o.member, "member", "", "`member` that the requests ask for, as in service-3:v2")
	flags.StringVar(&o.set, "set", "", "`name` of the set that the requests ask for, as in pr-118")
	flags.DurationVar(&o.since, "since", 10*time.Minute, "`time` that the requests are at most old")
	o.collector.add(flags)
	o.input = a.addInput(cmd)
	_ = cmd.RegisterFlagCompletionFunc("member", completed(a.completeMembers(o.input)))
}

// addList makes cmd show trails.
func (a *app) addList(cmd *cobra.Command) {
	o := &trailOptions{}
	flags := cmd.Flags()
	flags.StringVar(&o.query.RequestID, "request-id", "", "`ID` in the header x-request-id of the request, as proxies logged it")
	flags.StringVar(&o.query.TraceID, "trace-id", "", "`ID` of the trace of the request, 32 hexadecimal digits")
	flags.BoolVar(&o.follow, "follow", false, "go on with trails of later requests, until interrupted")
	addFormat(cmd, &o.output, "output format", "text", "json", "mermaid", "dot")
	a.addTrailFlags(cmd, o)
	cmd.RunE = a.run(func(ctx context.Context, _ []string) error { return a.trailList(ctx, o) })
}

// check returns a usage error for bad values, and reads the members that are asked for.
func (o *trailOptions) check() error {
	for _, f := range []struct{ flag, value string }{{"--member", o.member}, {"--set", o.set}} {
		if f.value == "" {
			continue
		}
		value := f.value
		if f.flag == "--set" {
			value = trail.MemberText(value)
		}
		members, err := grammar.Parse(value)
		if err != nil {
			return usagef("%s: %w", f.flag, err)
		}
		o.wanted = append(o.wanted, members...)
	}
	if o.since <= 0 {
		return usagef("--since: %v is not a time", o.since)
	}
	return checkOptions(&o.options)
}

// isWanted reports whether a trail is one that is asked for.
func (o *trailOptions) isWanted(t *trail.Trail) bool {
	ids := func(of func(*trail.Record) string, want string) bool {
		return want == "" || slices.ContainsFunc(t.All(), func(h *trail.Hop) bool {
			return h.Out != nil && of(h.Out) == want || h.In != nil && of(h.In) == want
		})
	}
	return ids(func(r *trail.Record) string { return r.RequestID }, o.query.RequestID) && ids(func(r *trail.Record) string { return r.TraceID }, o.query.TraceID) &&
		!slices.ContainsFunc(o.wanted, func(m grammar.Member) bool { return !t.AsksFor(m) })
}

// trails asks for the trails of requests.
func (a *app) trails(ctx context.Context, o *trailOptions, client *collect.Client) ([]*trail.Trail, error) {
	var records []trail.Record
	var err error
	if o.query.RequestID != "" || o.query.TraceID != "" {
		if records, err = a.find(ctx, client, &o.query); err == nil {
			records, err = a.related(ctx, client, records)
		}
	} else {
		records, err = a.find(ctx, client, &trail.Query{Since: time.Now().Add(-o.since)})
	}
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(trail.Join(records), func(t *trail.Trail) bool { return !o.isWanted(t) }), nil
}

func (a *app) trailList(ctx context.Context, o *trailOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	client, err := o.collector.client(&o.cluster)
	if err != nil {
		return err
	}
	snapshot, err := a.snapshot(ctx, o.input)
	if err != nil {
		return err
	}
	w := &trailWriter{app: a, options: o, snapshot: snapshot}
	if o.follow {
		return w.follow(ctx, client)
	}
	trails, err := a.trails(ctx, o, client)
	if err != nil {
		return err
	}
	if len(trails) == 0 {
		a.say("no such request was reported in the last %v (--since)", o.since)
	}
	if drawn := o.output.value == "mermaid" || o.output.value == "dot"; drawn && len(trails) > 1 {
		return usagef("-o %s draws one request, and there are %d: name one with --request-id", o.output.value, len(trails))
	}
	for _, t := range trails {
		if err := w.write(t); err != nil {
			return err
		}
	}
	return nil
}

// trailWriter writes trails one after the other.
type trailWriter struct {
	*app

	options  *trailOptions
	snapshot *trail.Snapshot
	written  int
}

func (w *trailWriter) write(t *trail.Trail) error {
	label := w.options.options.VersionLabel
	r := trail.Report{Trail: t, VersionLabel: label, Verdicts: trail.Judge(t, trail.Question{Members: t.Asked(), VersionLabel: label, Snapshot: w.snapshot})}
	if w.written++; w.written > 1 && w.options.output.value == "text" {
		if _, err := w.Out.Write([]byte("\n")); err != nil {
			return err
		}
	}
	return w.writeReport(&r, w.options.output.value)
}

// follow writes each trail as soon as nothing new of it arrives, until ctx ends.
func (w *trailWriter) follow(ctx context.Context, client *collect.Client) error {
	records := make(chan trail.Record)
	ended := make(chan error, 1)
	go func() {
		query := w.options.query
		query.Since = time.Now()
		ended <- client.Follow(ctx, &query, func(r *trail.Record) error {
			select {
			case records <- *r:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
	}()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	var open pending
	for {
		var err error
		select {
		case r := <-records:
			open = append(open, arrived{r, time.Now()})
		case end := <-ended:
			_, err = w.writeDone(open, time.Now().Add(quiet))
			return errors.Join(end, err)
		case now := <-tick.C:
			open, err = w.writeDone(open, now)
		}
		if err != nil {
			return err
		}
	}
}

// writeDone writes the trails of which nothing arrived lately, and returns the records of the others.
func (w *trailWriter) writeDone(open pending, now time.Time) (pending, error) {
	done, rest := open.done(now)
	for _, t := range done {
		if !w.options.isWanted(t) {
			continue
		}
		if err := w.write(t); err != nil {
			return rest, err
		}
	}
	return rest, nil
}

// pending are records of trails of which more may arrive.
type pending []arrived

type arrived struct {
	trail.Record

	at time.Time
}

// done returns the trails of which nothing arrived lately, and the records of the others.
func (p pending) done(now time.Time) (done []*trail.Trail, rest pending) {
	at := map[string]time.Time{}
	records := make([]trail.Record, 0, len(p))
	for _, r := range p {
		at[r.ID] = r.at
		records = append(records, r.Record)
	}
	finished := map[string]bool{}
	for _, t := range trail.Join(records) {
		ids := map[string]bool{}
		latest := time.Time{}
		for _, h := range t.All() {
			for _, r := range []*trail.Record{h.Out, h.In} {
				if r != nil {
					ids[r.ID] = true
					if at[r.ID].After(latest) {
						latest = at[r.ID]
					}
				}
			}
		}
		if now.Sub(latest) < quiet {
			continue
		}
		done = append(done, t)
		for id := range ids {
			finished[id] = true
		}
	}
	return done, slices.DeleteFunc(p, func(r arrived) bool { return finished[r.ID] })
}
