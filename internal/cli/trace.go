package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/token"
	"github.com/overrides-mesh/overrides/internal/trail"
)

const traceLong = `Trace sends a request with an override, and shows which way it took, by the records that
proxies sent to the collector: which services called which, by which row, and which version and
pod served. For each member of the override it says whether every call of that service was
served by that version, else why not. The reasons are

  NoSuchVersion    the service is left alone, or has no such version
  NotReady         no pod of the version could serve
  ConditionNotMet  the member, or the row of the version, is for other requests
  LostToAnother    another member of the request was followed
  RefusedByGuard   a gateway or a sidecar removed the override, or answered
  RouteNotYet      the row was not yet in that proxy
  AnsweredBefore   a redirect or a cache answered before
  NotForwarded     the header never reached the caller: a service did not forward it
  NotCalled        no record says that anything called the service
  NotFollowed      the proxy took another row; with -f or a cluster, trace says why

The request is marked: with a member of the override that no route follows, and with a
trace ID by which proxies report it even where the override is lost. Without a collector, trace
says what the response shows, which is much less.

With --forwarding it says for each service whether it forwards overrides, and --override may be
left out. Exit code 1 then means that one does not.`

const traceExamples = `# which way does a request take, and is it served by that version?
overrides trace http://shop.example.com/ --override service-3:v2

# fail a pipeline unless two versions served
overrides trace http://shop.example.com/ --override pr-118 --expect service-3:pr-118,service-5:pr-118

# as a picture for Markdown
overrides trace http://shop.example.com/ --override service-3:v2 -o mermaid

# with a token, many times
overrides trace http://shop.example.com/ --token-file token --repeat 100 --concurrency 10

# which services do not forward the header?
overrides trace --forwarding http://shop.example.com/`

// traceOptions are the flags of trace.
type traceOptions struct {
	*input

	collector           collectorFlags
	output              format
	overrides, expect   []string
	tokenFile           string
	header              headerValues
	method, data, host  string
	repeat, concurrency int
	timeout, wait       time.Duration
	forwarding          bool

	probe    probe
	asked    []grammar.Member
	expected []grammar.Member
}

func (a *app) traceCommand() *cobra.Command {
	o := &traceOptions{header: headerValues{}}
	cmd := &cobra.Command{
		Use: "trace URL --override MEMBER", Short: "Send a request, and show which way it took and which version served",
		Long: traceLong, Example: a.examples(traceExamples), Args: cobra.ArbitraryArgs,
		RunE: a.run(func(ctx context.Context, args []string) error { return a.trace(ctx, o, args) }),
	}
	flags := cmd.Flags()
	flags.StringArrayVar(&o.overrides, "override", nil, "`members` of the override, as in the header, or the name of a set. Repeatable")
	flags.StringSliceVar(&o.expect, "expect", nil, "`members` that must be honoured; else the exit code is 1")
	flags.StringVar(&o.tokenFile, "token-file", "", "`file` with a token that has the override, - for stdin")
	flags.VarP(o.header, "header", "H", "`header` of the request. Repeatable")
	flags.StringVar(&o.method, "method", "", "`method` of the request (default GET, or POST with --data)")
	flags.StringVar(&o.data, "data", "", "`body` of the request, or @FILE")
	flags.StringVar(&o.host, "host", "", "`host` that the request names (default that of the URL)")
	flags.IntVar(&o.repeat, "repeat", 1, "`number` of requests")
	flags.IntVar(&o.concurrency, "concurrency", 1, "`number` of requests at the same time")
	flags.DurationVar(&o.timeout, "timeout", 30*time.Second, "`time` to wait for a response")
	flags.DurationVar(&o.wait, "wait", 10*time.Second, "`time` to wait for the records of proxies")
	flags.BoolVar(&o.forwarding, "forwarding", false, "say which services forward overrides, and which don't")
	o.collector.add(flags)
	addFormat(cmd, &o.output, "output format", "text", "json", "mermaid", "dot")
	o.input = a.addInput(cmd)
	for flag, complete := range map[string]cobra.CompletionFunc{
		"override": completedList(a.completeMembers(o.input)), "expect": completedList(a.completeMembers(o.input)),
		"header": a.completeHeaders(o.input), "method": completeMethods,
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, complete)
	}
	_ = cmd.MarkFlagFilename("token-file")
	return cmd
}

func (a *app) trace(ctx context.Context, o *traceOptions, args []string) error {
	if err := o.check(args); err != nil {
		return err
	}
	if err := a.readProbe(o, args[0]); err != nil {
		return err
	}
	client, noCollector := o.collector.client(&o.cluster)
	if noCollector != nil && (o.collector.url != "" || o.forwarding) {
		return noCollector
	}
	snapshot, err := a.snapshot(ctx, o.input)
	if err != nil {
		return err
	}
	t := &tracing{app: a, options: o, client: client, snapshot: snapshot, begun: time.Now()}
	if t.sent, err = o.send(ctx); err != nil {
		return err
	}
	if noCollector == nil {
		noCollector = t.collect(ctx)
	}
	if noCollector != nil {
		if ctx.Err() != nil || o.collector.url != "" || o.forwarding {
			return noCollector
		}
		a.say("warning: there are no records of proxies, so this is what the responses show, which is much weaker: %v", noCollector)
		t.weak = true
	}
	return t.report()
}

// check returns a usage error for flags that do not fit together.
func (o *traceOptions) check(args []string) error {
	switch {
	case len(args) != 1:
		return usagef("give one URL, as in http://shop.example.com/")
	case o.repeat < 1 || o.concurrency < 1:
		return usagef("--repeat and --concurrency must be at least 1")
	case (o.repeat > 1 || o.forwarding) && (o.output.value == "mermaid" || o.output.value == "dot"):
		return usagef("-o %s draws one request: leave out --repeat and --forwarding", o.output.value)
	case o.tokenFile == "-" && slices.Contains(o.filenames, "-"):
		return usagef("stdin can be read only once")
	case o.tokenFile != "" && len(o.overrides) > 0:
		return usagef("--override and --token-file can't be combined: a token has the override")
	}
	u, err := url.Parse(args[0])
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return usagef("%q: want a URL, as in http://shop.example.com/", args[0])
	}
	return checkOptions(&o.options)
}

// readProbe makes the request of the flags.
func (a *app) readProbe(o *traceOptions, address string) error {
	o.probe = probe{method: o.method, url: address, host: o.host, carrier: o.options.Header, header: http.Header{}}
	for name, values := range o.header {
		if name == o.options.Header {
			o.overrides = append(o.overrides, values...)
			continue
		}
		if name == "host" {
			o.probe.host = values[len(values)-1]
			continue
		}
		o.probe.header[http.CanonicalHeaderKey(name)] = values
	}
	if err := o.readBody(); err != nil {
		return err
	}
	o.probe.method = cmp.Or(o.probe.method, map[bool]string{true: http.MethodPost}[o.data != ""], http.MethodGet)
	if !isToken(o.probe.method) {
		return usagef("--method: %q is not an HTTP method", o.method)
	}
	if err := a.readOverride(o); err != nil {
		return err
	}
	var err error
	if o.expected, err = membersOf("--expect", o.expect); err != nil {
		return err
	}
	if len(o.asked)+len(o.expected) == 0 && !o.forwarding {
		return usagef("give the override with --override MEMBER, as in service-3:v2, or with --token-file FILE")
	}
	return nil
}

func (o *traceOptions) readBody() error {
	path, fromFile := strings.CutPrefix(o.data, "@")
	if !fromFile {
		o.probe.body = []byte(o.data)
		return nil
	}
	body, err := os.ReadFile(path)
	if err != nil {
		return usagef("--data: %w", err)
	}
	o.probe.body = body
	return nil
}

// readOverride reads the members that the request asks for: of flags, headers or the token.
func (a *app) readOverride(o *traceOptions) error {
	var err error
	if o.tokenFile != "" {
		if o.probe.token, err = a.readToken([]string{o.tokenFile}); err != nil {
			return err
		}
		_, claims, err := token.Inspect(o.probe.token)
		if err != nil {
			return fmt.Errorf("--token-file: %w", err)
		}
		override, _ := claims["override"].(string)
		o.asked, err = membersOf("--token-file", []string{override})
		return err
	}
	if o.asked, err = membersOf("--override", o.overrides); err != nil {
		return err
	}
	if o.probe.override, err = grammar.Format(o.asked...); err != nil {
		return usagef("--override: %w", err)
	}
	baggage, err := grammar.ParseBaggage(o.header[grammar.BaggageHeader]...)
	o.asked = append(o.asked, baggage...)
	return err
}

// membersOf parses members as headers have them, or names of sets.
func membersOf(flag string, values []string) ([]grammar.Member, error) {
	var lines []string
	for _, value := range values {
		for member := range strings.SplitSeq(value, ",") {
			if member = strings.TrimSpace(member); member != "" {
				member = trail.MemberText(member)
			}
			lines = append(lines, member)
		}
	}
	if len(lines) == 0 {
		return nil, nil
	}
	members, err := grammar.Parse(strings.Join(lines, ","))
	if err != nil {
		return nil, usagef("%s: %w", flag, err)
	}
	return members, nil
}

// send sends all requests, some of them at the same time.
func (o *traceOptions) send(ctx context.Context) ([]sent, error) {
	client := &http.Client{
		Timeout:       o.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport:     &http.Transport{Proxy: http.ProxyFromEnvironment, MaxIdleConnsPerHost: o.concurrency},
	}
	defer client.CloseIdleConnections()
	out := make([]sent, o.repeat)
	next := make(chan int)
	done := make(chan struct{})
	for range min(o.concurrency, o.repeat) {
		go func() {
			for i := range next {
				out[i] = o.probe.send(ctx, client)
			}
			done <- struct{}{}
		}()
	}
	for i := range out {
		next <- i
	}
	close(next)
	for range min(o.concurrency, o.repeat) {
		<-done
	}
	failed := 0
	for i := range out {
		if out[i].err != nil {
			failed++
		}
	}
	if failed == len(out) {
		return nil, errors.Join(ctx.Err(), out[0].err)
	}
	return out, nil
}
