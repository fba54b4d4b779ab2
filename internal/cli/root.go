package cli

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"
)

// Streams are the standard streams of a command.
type Streams struct {
	In       io.Reader
	Out, Err io.Writer
}

// Main runs the command line argv, whose first element is the name of the
// program, and returns the exit code.
func Main(ctx context.Context, argv []string, streams Streams) int {
	a := newApp(argv[0], streams)
	a.root.SetArgs(argv[1:])
	command, err := a.root.ExecuteContextC(ctx)
	if err != nil && !a.running {
		// Cobra's own errors are about the command line.
		err = &usageError{err}
	}
	complain(streams.Err, err, command.CommandPath())
	return exitCode(err)
}

// app is the state that all commands share.
type app struct {
	Streams
	// name is how users call the program: "overrides" or "kubectl overrides".
	name string
	root *cobra.Command
	// running is set as soon as one of the program's commands has started.
	running bool
}

const rootLong = `Overrides routes single requests to versions of services that are deployed but not
released. A request names these versions in a header. Every other request behaves as if
Overrides were not there:

  curl -H 'x-override: service-3:v2, service-5:v2' https://shop.example.com/

This program reads manifests (-f) or a cluster, and makes the Istio configuration for
this: a DestinationRule and a VirtualService for each Service that has more than its
released version.

` + exitHelp

const rootExamples = `# print the configuration for the services and versions in a folder
overrides generate -f examples/chain

# list the versions, and which one is released
overrides versions -f examples/chain

# explain where a request goes, and why
overrides explain -f examples/chain --to service-3.chain -H 'x-override: service-3:v2'

# write the header as arguments of curl
overrides header -o curl service-3:v2 service-5:v2`

// newApp builds the tree of commands.
func newApp(program string, streams Streams) *app {
	streams.Out = &pipe{w: streams.Out}
	a := &app{Streams: streams, name: displayName(program)}
	a.root = &cobra.Command{
		Use:           "overrides",
		Short:         "Route single requests to versions that are deployed but not released",
		Long:          rootLong,
		Example:       a.examples(rootExamples),
		Annotations:   map[string]string{cobra.CommandDisplayNameAnnotation: a.name},
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       readBuild().Version,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	a.root.SetIn(streams.In)
	a.root.SetOut(streams.Out)
	a.root.SetErr(streams.Err)
	a.root.AddGroup(
		&cobra.Group{ID: groupMake, Title: "Make configuration:"},
		&cobra.Group{ID: groupAsk, Title: "Ask for versions:"},
		&cobra.Group{ID: groupTry, Title: "Try it:"},
	)
	a.addCommands()
	a.root.SetHelpCommand(a.helpCommand())
	return a
}

// addCommands adds all commands, in the order of the help.
func (a *app) addCommands() {
	for _, c := range []struct {
		group   string
		command *cobra.Command
	}{
		{groupMake, a.generateCommand()},
		{groupMake, a.applyCommand()},
		{groupMake, a.diffCommand()},
		{groupMake, a.checkCommand()},
		{groupMake, a.proveCommand()},
		{groupMake, a.operatorCommand()},
		{groupMake, a.previewCommand()},
		{groupMake, a.edgeCommand()},
		{groupMake, a.cleanupCommand()},
		{groupAsk, a.explainCommand()},
		{groupAsk, a.traceCommand()},
		{groupAsk, a.headerCommand()},
		{groupAsk, a.grantCommand()},
		{groupAsk, a.tokenCommand()},
		{groupAsk, a.versionsCommand()},
		{groupAsk, a.statusCommand()},
		{groupAsk, a.trailCommand()},
		{groupTry, a.demoCommand()},
		{"", a.versionCommand()},
	} {
		c.command.GroupID = c.group
		completeRest(c.command)
		a.root.AddCommand(c.command)
	}
}

const (
	groupMake = "make"
	groupAsk  = "ask"
	groupTry  = "try"
)

// displayName returns the name by which users call the program: kubectl finds plugins by
// their file names.
func displayName(program string) string {
	base := strings.TrimSuffix(filepath.Base(program), ".exe")
	if plugin, found := strings.CutPrefix(base, "kubectl-"); found {
		return "kubectl " + plugin
	}
	return "overrides"
}

// examples indents examples, and uses the name by which the user calls the program.
func (a *app) examples(text string) string {
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		for _, before := range []string{"| ", "$("} {
			line = strings.ReplaceAll(line, before+"overrides ", before+a.name+" ")
		}
		if rest, ok := strings.CutPrefix(line, "overrides "); ok {
			line = a.name + " " + rest
		}
		if line != "" {
			line = "  " + line
		}
		lines[i] = line
	}
	return strings.Join(lines, "\n")
}

// run makes the function of a command out of f. Errors of f are not usage errors unless f
// says so.
func (a *app) run(f func(ctx context.Context, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.running = true
		return f(cmd.Context(), args)
	}
}

// say writes a line to stderr.
func (a *app) say(format string, args ...any) {
	fmt.Fprintf(a.Err, format+"\n", args...)
}

// helpCommand is cobra's help command, except that an unknown topic is an error.
func (a *app) helpCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "help [command]",
		Short: "Help about any command",
		Long:  "Help shows what a command does, its flags and examples.",
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
			var names []cobra.Completion
			for _, c := range a.root.Commands() {
				if c.IsAvailableCommand() {
					names = append(names, cobra.CompletionWithDesc(c.Name(), c.Short))
				}
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(_ *cobra.Command, args []string) error {
			command, rest, err := a.root.Find(args)
			if err != nil || command == nil || len(rest) > 0 {
				return fmt.Errorf("unknown command %q", strings.Join(args, " "))
			}
			command.InitDefaultHelpFlag()
			command.InitDefaultVersionFlag()
			return command.Help()
		},
	}
}
