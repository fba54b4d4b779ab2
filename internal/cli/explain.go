package cli

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/explain"
)

const explainLong = `Explain says which row of a service's route table takes a request, and why the other rows
don't. It needs no cluster: the answer is that of a proxy with the configuration that
generate prints.

With --chain, each service is called by the one before it, and all of them are assumed to
forward the headers. Explain points out malformed parts of the header, and services and
versions that do not exist.

Name services as "service" or "service.namespace". A name without a namespace is a service
of the namespace that -n gives. Without -n, it is one of the namespace of the kubeconfig,
or with -f of "default"; if there is none, it is the only service of that name.

The first name may also be a host of a gateway: the gateway makes the call then, after its
GatewayOverridePolicy has removed the overrides that came from outside, or made one of a
preview host or a cookie.

Without --from, the caller is any workload in the namespace of the first service that no
condition (from=) names.`

const explainExamples = `# one call: which version answers, and why
overrides explain -f examples/chain --to service-3.chain -H 'x-override: service-3:v2'

# a whole chain, hop by hop
overrides explain -f examples/chain -n chain \
  --chain service-1,service-2,service-3,service-4,service-5 \
  -H 'x-override: service-3:v2, service-5:v2'

# the same as a picture for Markdown
overrides explain -f examples/chain -n chain --chain service-1,service-2,service-3 \
  -H 'x-override: service-3:v2' -o mermaid

# at a gateway, with a cookie, or at a preview host
overrides explain -f deploy/ --to shop.example.com -H 'cookie: x-override=pr-118'
overrides explain -f deploy/ --chain pr-118.preview.shop.example.com,cart

# by baggage, as another service calls it
overrides explain -f examples/chain --to service-3.chain --from service-2 \
  --method POST --path /orders -H 'baggage: override.service-3=v2'`

// explainOptions are the flags of explain.
type explainOptions struct {
	*input
	output format
	query  explain.Query
	to     string
	header headerValues
	port   string
	all    bool
}

func (a *app) explainCommand() *cobra.Command {
	o := &explainOptions{header: headerValues{}}
	cmd := &cobra.Command{
		Use:     "explain (--to SERVICE | --chain SERVICE,SERVICE,...) [-H 'x-override: ...']",
		Short:   "Explain where a request goes, and why",
		Long:    explainLong,
		Example: a.examples(explainExamples),
		Args:    noArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			return a.explain(ctx, o)
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.to, "to", "", "`service` that is called")
	flags.StringSliceVar(&o.query.Chain, "chain", nil, "`services` that are called one after the other")
	flags.VarP(o.header, "header", "H", "`header` of the request, as in 'x-override: service-3:v2'. Repeatable")
	flags.StringVar(&o.query.From, "from", "", "`workload` that makes the first call: name.namespace, namespace/name, or a name in the namespace of the first service")
	flags.StringVar(&o.query.Method, "method", "GET", "`method` of the request")
	flags.StringVar(&o.query.Path, "path", "/", "`path` of the request, with its query")
	flags.StringVar(&o.query.Scheme, "scheme", "http", "`scheme` of the request")
	flags.StringVar(&o.query.Authority, "authority", "", "`host` that the request names (default the service)")
	flags.StringVar(&o.port, "port", "", "`port` of the service that is called, by number or name (default its first HTTP port)")
	flags.BoolVar(&o.all, "all", false, "print all rows of large tables")
	addFormat(cmd, &o.output, "output format", "text", "json", "mermaid", "dot")
	o.input = a.addInput(cmd)
	for flag, complete := range map[string]cobra.CompletionFunc{
		"to": completed(a.completeServices(o.input)), "chain": completedList(a.completeServices(o.input)),
		"from": completed(a.completeCallers(o.input)), "header": a.completeHeaders(o.input),
		"port":   completed(a.completePorts(o.input, &o.to)),
		"method": completeMethods,
		"scheme": cobra.FixedCompletions([]cobra.Completion{"http", "https"}, cobra.ShellCompDirectiveNoFileComp),
	} {
		_ = cmd.RegisterFlagCompletionFunc(flag, complete)
	}
	return cmd
}

// completeMethods completes a method of HTTP.
func completeMethods(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
	return []cobra.Completion{"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"}, cobra.ShellCompDirectiveNoFileComp
}

func (a *app) explain(ctx context.Context, o *explainOptions) error {
	switch {
	case o.to != "" && len(o.query.Chain) > 0:
		return usagef("--to and --chain can't be combined")
	case o.to != "":
		o.query.Chain = []string{o.to}
	case len(o.query.Chain) == 0:
		return usagef("name the called service with --to SERVICE, or several with --chain SERVICE,SERVICE")
	case slices.Contains(o.query.Chain, ""):
		return usagef("--chain: a service name is empty")
	}
	if err := o.readRequest(); err != nil {
		return err
	}
	s, err := a.read(ctx, o.input)
	if err != nil {
		return err
	}
	o.query.Namespace = s.namespace
	if o.fromFiles() {
		o.query.Namespace = o.defaultNamespace()
	}
	o.query.Only = o.namespace != ""
	o.query.Time = time.Now()
	explanation, err := explain.New(s.snapshot, &s.result, o.query)
	if err != nil {
		a.tell(o.input, about(s.result.Diagnostics, nil))
		return err
	}
	diags := diag.Sort(about(s.result.Diagnostics, onTheWay(explanation)))
	a.tell(o.input, diags)
	if o.quiet {
		explanation.Notes = slices.DeleteFunc(explanation.Notes, func(n explain.Note) bool { return n.Severity == diag.Info })
	}
	if err := a.writeExplanation(o, explanation); err != nil {
		return err
	}
	worst, _ := diag.Worst(diags)
	return verdictOf(max(worst, explanation.Worst()), o.strict)
}

// readRequest copies the flags that describe the request into the query.
func (o *explainOptions) readRequest() error {
	q := &o.query
	if !strings.HasPrefix(q.Path, "/") {
		return usagef("--path: %q: want a path that begins with /", q.Path)
	}
	if !isToken(q.Method) {
		return usagef("--method: %q is not an HTTP method", q.Method)
	}
	q.Header = o.header
	if o.port == "" {
		return nil
	}
	number, err := strconv.ParseUint(o.port, 10, 16)
	q.Port = uint32(number)
	if (err != nil || number == 0) && len(validation.IsValidPortName(o.port)) > 0 {
		return usagef("--port: %q: want a number from 1 to 65535, or the name of a port", o.port)
	}
	if err != nil {
		q.PortName = o.port
	}
	return nil
}

func (a *app) writeExplanation(o *explainOptions, e *explain.Explanation) error {
	switch o.output.value {
	case "json":
		return e.JSON(a.Out)
	case "mermaid", "dot":
		for _, n := range e.Notes {
			a.say("%s", n)
		}
		if o.output.value == "dot" {
			return e.DOT(a.Out)
		}
		return e.Mermaid(a.Out)
	}
	return e.Text(a.Out, o.all)
}

// onTheWay returns the Services of an explanation.
func onTheWay(e *explain.Explanation) map[diag.Object]bool {
	out := map[diag.Object]bool{}
	for _, h := range e.Hops {
		out[diag.Object{Kind: "Service", Namespace: h.Namespace, Name: h.Service}] = true
	}
	return out
}
