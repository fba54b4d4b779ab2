package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/explain"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/report"
)

const headerLong = `Header composes the header that asks for versions, and rejects members that could not be
followed: malformed ones, and two for the same calls.

  service[.namespace]:version [;from=CALLER] [;method=METHOD] [;strict]
  *[.namespace]:version [;strict]      every service that has the version

It prints the header by itself, or in the form that another program needs: as arguments of
curl or grpcurl, or as lines of a script for JavaScript, Python, k6, Playwright, Cypress or
Postman.

With --verify it looks up the services and versions in manifests or a cluster. With --parse
it takes an existing header apart instead.`

const headerExamples = `# a header
overrides header service-3:v2 service-5:v2

# for curl
eval curl "$(overrides header -o curl service-3:v2 'service-5:v2;strict')" https://shop.example.com/

# all previews of a pull request
overrides header '*:pr-118'

# for a load test with k6
overrides header -o k6 service-3:v2 > load.js

# as baggage, which OpenTelemetry forwards
overrides header -o baggage service-3:v2 service-5:v2

# check that the services and versions exist
overrides header --verify -f examples/chain service-3:v2

# take an existing header apart
overrides header --parse 'x-override: service-3:v2;method=POST, service-5:v2'`

// headerOptions are the flags of header.
type headerOptions struct {
	*input
	output format
	verify bool
	parse  headerValues
}

func (a *app) headerCommand() *cobra.Command {
	o := &headerOptions{parse: headerValues{}}
	cmd := &cobra.Command{
		Use:     "header (MEMBER... | --parse 'x-override: ...')",
		Short:   "Compose and check the header that asks for versions",
		Long:    headerLong,
		Example: a.examples(headerExamples),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.header(ctx, o, args)
		}),
	}
	cmd.Flags().BoolVar(&o.verify, "verify", false, "check that the services and versions exist (in -f, or in a cluster)")
	cmd.Flags().Var(o.parse, "parse", "`header` to take apart. Repeatable, for several lines")
	addFormat(cmd, &o.output, "output format; with --parse a table, or json", headerFormats()...)
	o.input = a.addInput(cmd)
	cmd.ValidArgsFunction = completed(a.completeMembers(o.input))
	_ = cmd.RegisterFlagCompletionFunc("parse", a.completeHeaders(o.input))
	return cmd
}

// headerFormats are the output formats of header.
func headerFormats() []string {
	return append([]string{"header", "value", "baggage", "json", "curl", "grpcurl"}, slices.Sorted(maps.Keys(snippets))...)
}

func (a *app) header(ctx context.Context, o *headerOptions, args []string) error {
	if err := o.check(); err != nil {
		return err
	}
	switch parse := len(o.parse) > 0; {
	case parse == (len(args) > 0):
		return usagef("give either members, as in service-3:v2, or --parse")
	case !o.verify && (o.fromFiles() || o.namespace != "" || o.allNamespaces):
		return usagef("flags for the input need --verify")
	case parse && o.output.value != "header" && o.output.value != "json":
		return usagef("--parse writes a table, or -o json")
	}
	members, err := o.members(args)
	if err == nil && o.verify {
		err = a.verifyMembers(ctx, o, members)
	}
	if len(o.parse) > 0 {
		return errors.Join(a.writeMembers(o, members), a.noteCarriers(o, members, err), err)
	}
	if err != nil {
		return err
	}
	text, err := compose(o, members)
	if err != nil {
		return err
	}
	_, err = fmt.Fprintln(a.Out, text)
	return err
}

// members parses the members of the command line, or those of the headers given with
// --parse.
func (o *headerOptions) members(args []string) ([]grammar.Member, error) {
	if len(o.parse) == 0 {
		return grammar.Parse(args...)
	}
	for name := range o.parse {
		if name != o.options.Header && name != grammar.BaggageHeader {
			meant := explain.DidYouMean(explain.Nearest(name, []string{o.options.Header, grammar.BaggageHeader}))
			if line := name + ":" + strings.Join(o.parse[name], ", "); meant == "" && isMembers(line) {
				meant = fmt.Sprintf("; write '%s: %s'", o.options.Header, line)
			}
			return nil, usagef("--parse: %s carries no overrides: %s and %s do%s", name, o.options.Header, grammar.BaggageHeader, meant)
		}
	}
	members, err := grammar.Parse(o.parse[o.options.Header]...)
	more, also := grammar.ParseBaggage(o.parse[grammar.BaggageHeader]...)
	return slices.Concat(members, more), errors.Join(err, also)
}

// isMembers reports whether line is the value of a header, without its name.
func isMembers(line string) bool {
	members, err := grammar.Parse(line)
	return err == nil && len(members) > 0
}

// compose writes members in the output format.
func compose(o *headerOptions, members []grammar.Member) (string, error) {
	if o.output.value == "baggage" {
		value, err := grammar.FormatBaggage(members...)
		return grammar.BaggageHeader + ": " + value, err
	}
	value, err := grammar.Format(members...)
	if err != nil {
		return "", err
	}
	line := o.options.Header + ": " + value
	switch o.output.value {
	case "header":
		return line, nil
	case "value":
		return value, nil
	case "curl", "grpcurl":
		return "-H " + shellQuote(line), nil
	case "json":
		var b strings.Builder
		err := encodeJSON(&b, map[string]any{"name": o.options.Header, "value": value, "members": texts(members)})
		return strings.TrimSuffix(b.String(), "\n"), err
	}
	return snippet(o.output.value, o.options.Header, value), nil
}

// shellQuote returns s as one word for a POSIX shell.
func shellQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

func texts(members []grammar.Member) []string {
	out := make([]string, 0, len(members))
	for _, m := range members {
		out = append(out, m.String())
	}
	return out
}

// verifyMembers looks up members in the input. A member that refers to nothing is an
// error, since the header would have no effect.
func (a *app) verifyMembers(ctx context.Context, o *headerOptions, members []grammar.Member) error {
	s, err := a.read(ctx, o.input)
	if err != nil {
		return err
	}
	named := s.named(members)
	diags := slices.DeleteFunc(about(s.diags, named), func(d diag.Diagnostic) bool { return d.Severity == diag.Info && named[d.Object] })
	a.tell(o.input, diags)
	var errs []error
	worst, _ := diag.Worst(diags)
	for _, n := range explain.CheckMembers(s.snapshot, &s.result, members) {
		if n.Severity == diag.Info {
			if !o.quiet {
				a.say("%s", n)
			}
			continue
		}
		errs = append(errs, errors.New(n.Text()))
	}
	if len(errs) == 0 {
		return verdictOf(worst, o.strict)
	}
	return errors.Join(errs...)
}

// named lists the existing Services that members mean: by name, or since they have the
// version of a set.
func (s *state) named(members []grammar.Member) map[diag.Object]bool {
	out := map[diag.Object]bool{}
	for i := range s.result.Services {
		service := &s.result.Services[i]
		if slices.ContainsFunc(members, func(m grammar.Member) bool {
			inSet := m.IsSet() && slices.ContainsFunc(service.Versions, func(v compile.Version) bool { return v.Name == m.Version })
			return (inSet || m.Service == service.Name) && (m.Namespace == "" || m.Namespace == service.Namespace)
		}) {
			out[service.Object()] = true
		}
	}
	return out
}

// noteCarriers reports err, and what the members of a parsed header do not mean.
func (a *app) noteCarriers(o *headerOptions, members []grammar.Member, err error) error {
	if len(members) == 0 && err == nil {
		a.say("there is no override in it")
	}
	worst := diag.Info
	for _, n := range explain.CheckCarriers(o.parse, o.options.Header) {
		a.say("%s", n)
		worst = max(worst, n.Severity)
	}
	return verdictOf(worst, o.strict)
}

// parsedMember is a member in JSON.
type parsedMember struct {
	Member    string `json:"member"`
	Service   string `json:"service"`
	Namespace string `json:"namespace,omitempty"`
	Version   string `json:"version"`
	From      string `json:"from,omitempty"`
	Method    string `json:"method,omitempty"`
	Strict    bool   `json:"strict,omitempty"`
}

// writeMembers writes the members of an existing header.
func (a *app) writeMembers(o *headerOptions, members []grammar.Member) error {
	if o.output.value == "json" {
		parsed := make([]parsedMember, 0, len(members))
		for _, m := range members {
			parsed = append(parsed, parsedMember{m.String(), m.Service, m.Namespace, m.Version, m.From, m.Method, m.Strict})
		}
		return encodeJSON(a.Out, map[string]any{"members": parsed})
	}
	if len(members) == 0 {
		return nil
	}
	rows := [][]string{{"SERVICE", "NAMESPACE", "VERSION", "CALLS OF", "METHOD", "OTHERWISE"}}
	for _, m := range members {
		otherwise := "the released version"
		if m.Strict {
			otherwise = "503"
		}
		service := m.Service
		if m.IsSet() {
			service = "any that has it"
		}
		row := []string{service, m.Namespace, m.Version, m.From, m.Method, otherwise}
		for i := range row {
			row[i] = cmp.Or(row[i], "any")
		}
		rows = append(rows, row)
	}
	return report.Table(a.Out, rows)
}

func encodeJSON(w io.Writer, value any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	return e.Encode(value)
}
