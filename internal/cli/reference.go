package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
)

const generatedNote = "<!-- Generated from the code by `make generate`; do not edit. -->\n\n"

// Reference returns the pages of docs/reference that are generated from the code, by file
// name.
func Reference() map[string][]byte {
	return map[string][]byte{
		"cli.md": commandReference(), "diagnostics.md": diagnosticReference(), "kinds.md": kindReference(), "left-alone.md": leftAloneReference(),
	}
}

// commandReference describes every command. The flags for the input are the same
// everywhere, and described once.
func commandReference() []byte {
	var b bytes.Buffer
	root := newApp("overrides", Streams{In: strings.NewReader(""), Out: io.Discard, Err: io.Discard}).root
	fmt.Fprintf(&b, "%s# Command line\n\n```\n%s\n```\n\nAs a kubectl plugin (`kubectl-overrides` in the PATH), call it as `kubectl overrides`.\n\n", generatedNote, root.Long)
	var shared *pflag.FlagSet
	for _, c := range root.Commands() {
		if c.Hidden || c.Name() == "help" || c.Name() == "completion" {
			continue
		}
		if input := writeCommand(&b, "##", c); input.Lookup("filename") != nil {
			shared = input
		}
		for _, sub := range c.Commands() {
			writeCommand(&b, "###", sub)
		}
	}
	b.WriteString("## Flags for the input\n\nEvery command that reads manifests or a cluster has these flags.\n\n")
	writeFlags(&b, shared)
	b.WriteString("## overrides completion\n\nPrint a script for bash, zsh, fish or PowerShell that completes commands, flags and their values: names of\nServices, versions, members of the header, namespaces. They come from the files that -f names, or from the cluster.\n`overrides completion bash --help` says how to load it, and so on for the other shells.\n")
	return b.Bytes()
}

// writeCommand describes a command, and returns its flags for the input.
func writeCommand(b *bytes.Buffer, heading string, c *cobra.Command) *pflag.FlagSet {
	fmt.Fprintf(b, "%s %s\n\n%s.\n\n```\n%s\n```\n\n%s\n\n", heading, c.CommandPath(), c.Short, c.UseLine(), paragraphs(c.Long))
	fmt.Fprintf(b, "```sh\n%s\n```\n\n", dedent(c.Example))
	own, input := splitFlags(c)
	writeFlags(b, own)
	switch {
	case input.Lookup("filename") != nil:
		b.WriteString("It also takes the [flags for the input](#flags-for-the-input).\n\n")
	case input.HasFlags():
		fmt.Fprintf(b, "It also takes these [flags for the input](#flags-for-the-input): %s.\n\n", flagNames(input))
	}
	return input
}

// splitFlags separates a command's own flags from those of its input.
func splitFlags(c *cobra.Command) (own, input *pflag.FlagSet) {
	scratch := &cobra.Command{}
	addInput(scratch)
	own, input = pflag.NewFlagSet("", pflag.ContinueOnError), pflag.NewFlagSet("", pflag.ContinueOnError)
	c.LocalFlags().VisitAll(func(f *pflag.Flag) {
		switch {
		case f.Name == "help", f.Hidden:
		case isSame(f, scratch.Flags().Lookup(f.Name)):
			input.AddFlag(f)
		default:
			own.AddFlag(f)
		}
	})
	return own, input
}

// flagNames lists the names of flags.
func flagNames(flags *pflag.FlagSet) string {
	var out []string
	flags.VisitAll(func(f *pflag.Flag) { out = append(out, "`--"+f.Name+"`") })
	return strings.Join(out, ", ")
}

// isSame reports whether f is the flag g of the input, with the same meaning.
func isSame(f, g *pflag.Flag) bool {
	return g != nil && (f.Name != "request-timeout" || f.Usage == g.Usage)
}

func writeFlags(b *bytes.Buffer, flags *pflag.FlagSet) {
	if flags == nil || !flags.HasFlags() {
		return
	}
	b.WriteString("| flag | default | meaning |\n|---|---|---|\n")
	flags.VisitAll(func(f *pflag.Flag) {
		value, usage := pflag.UnquoteUsage(f)
		name := "--" + f.Name
		if f.Shorthand != "" {
			name = "-" + f.Shorthand + ", " + name
		}
		if value != "" {
			name += " " + value
		}
		standard := ""
		if f.DefValue != "" && f.DefValue != "false" && f.DefValue != "[]" && (f.DefValue != "0" || f.Value.Type() == "string") {
			standard = "`" + f.DefValue + "`"
		}
		fmt.Fprintf(b, "| `%s` | %s | %s |\n", cell(name), standard, cell(usage))
	})
	b.WriteString("\n")
}

// cell escapes characters that would end a cell of a table.
func cell(s string) string { return strings.ReplaceAll(s, "|", `\|`) }

// paragraphs joins the lines of each paragraph, and keeps indented ones as code.
func paragraphs(text string) string {
	var out []string
	for p := range strings.SplitSeq(text, "\n\n") {
		if strings.HasPrefix(p, "  ") {
			out = append(out, "```\n"+dedent(p)+"\n```")
		} else {
			out = append(out, p)
		}
	}
	return strings.Join(out, "\n\n")
}

func dedent(text string) string {
	return strings.TrimPrefix(strings.ReplaceAll(text, "\n  ", "\n"), "  ")
}

// diagnosticReference describes every code.
func diagnosticReference() []byte {
	var b bytes.Buffer
	b.WriteString(generatedNote + "# Diagnostics\n\n" +
		"The diagnostics of Overrides, by code. `overrides check` prints diagnostics only. With\n" +
		"`--strict-diagnostics`, warnings make a command exit with 1 as errors do.\n\n" +
		"- **error**: input that could not be used\n" +
		"- **warning**: something that was asked for is not in force, or only in part\n" +
		"- **info**: worth knowing, needs no action\n\n")
	for _, entry := range diag.Codes() {
		fmt.Fprintf(&b, "## %s\n\n**%s.** %s\n\n", entry.Code, entry.Severity, entry.Meaning)
		if entry.Fix != "" {
			fmt.Fprintf(&b, "Fix: %s.\n\n", strings.TrimSuffix(entry.Fix, "."))
		}
	}
	return append(bytes.TrimRight(b.Bytes(), "\n"), '\n')
}

// leftAloneReference lists the reasons to leave a Service alone.
func leftAloneReference() []byte {
	var b bytes.Buffer
	b.WriteString(generatedNote + "# Why a Service is left alone\n\n" +
		"Overrides makes nothing for a Service if that would be wrong or would change ordinary requests. It looks for these\n" +
		"reasons in this order. The first one that applies is the code in the diagnostic and in `overrides versions`;\n" +
		"[the code](diagnostics.md) says what to do.\n\n" +
		"| code | the Service is left alone if |\n|---|---|\n")
	for _, r := range compile.Reasons() {
		code := "no diagnostic"
		if r.Code != "" {
			code = fmt.Sprintf("[%s](diagnostics.md#%s)", r.Code, strings.ToLower(string(r.Code)))
		}
		fmt.Fprintf(&b, "| %s | %s |\n", code, cell(r.When))
	}
	return b.Bytes()
}

// kindReference lists the kinds that are read.
func kindReference() []byte {
	var b bytes.Buffer
	b.WriteString(generatedNote + "# Kinds that are read\n\n" +
		"Overrides decodes these kinds, in these versions, from manifests. From a cluster it lists them, and the operator watches\n" +
		"them. Without the right to list a kind, commands go on, and report what the last column says. The operator is ready\n" +
		"only if it may list the kinds that it needs.\n\n" +
		"| kind | versions | in a cluster | without the right to list it |\n|---|---|---|---|\n")
	for _, k := range discover.Kinds() {
		where, without := "not asked for: other kinds say the same", ""
		if k.Served != nil {
			where, without = kindScope(&k), k.Without
		}
		if k.Needed {
			without = "the operator needs it; commands go on: " + without
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s |\n", strings.TrimSuffix(k.Name+"."+k.Group, "."), strings.Join(k.Versions, ", "), where, cell(without))
	}
	return b.Bytes()
}

// kindScope says where a kind is looked for.
func kindScope(k *discover.Kind) string {
	switch k.Scope {
	case discover.Near:
		return "in the namespaces asked for"
	case discover.Everywhere:
		return "in all namespaces"
	case discover.Root:
		return "in Istio's root namespace, by name"
	case discover.Unscoped:
		return "in no namespace"
	}
	return ""
}
