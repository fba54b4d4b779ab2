package cli

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/report"
	"github.com/overrides-mesh/overrides/internal/source"
)

// completionTimeout limits how long a shell waits for names from a cluster.
const completionTimeout = 3 * time.Second

// candidates returns the values that an argument or a flag may have. It returns none if
// they can't be found: nobody reads an error in the middle of a command line.
type candidates func(ctx context.Context, typed string) []cobra.Completion

// completed is a completion of one value by candidates.
func completed(find candidates) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		return beginningWith(typed, find(ctx, typed)), cobra.ShellCompDirectiveNoFileComp
	}
}

// completedList is a completion of the last element of a list with commas between elements.
func completedList(find candidates) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTimeout)
		defer cancel()
		at := strings.LastIndex(typed, ",") + 1
		found := beginningWith(typed[at:], find(ctx, typed[at:]))
		for i := range found {
			found[i] = typed[:at] + found[i]
		}
		return found, cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
	}
}

func beginningWith(typed string, all []cobra.Completion) []cobra.Completion {
	return slices.DeleteFunc(all, func(c cobra.Completion) bool { return !strings.HasPrefix(c, typed) })
}

// completeRest makes the shell complete the other flags of cmd: with a fixed list of
// values if they have one, otherwise with nothing, rather than with files.
func completeRest(cmd *cobra.Command) {
	if cmd.ValidArgsFunction == nil {
		cmd.ValidArgsFunction = cobra.NoFileCompletions
	}
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		_, isFile := f.Annotations[cobra.BashCompFilenameExt]
		_, isFolder := f.Annotations[cobra.BashCompSubdirsInDir]
		if _, known := cmd.GetFlagCompletionFunc(f.Name); known || isFile || isFolder {
			return
		}
		complete := cobra.NoFileCompletions
		if values, ok := f.Value.(*format); ok {
			complete = cobra.FixedCompletions(values.allowed, cobra.ShellCompDirectiveNoFileComp)
		}
		// The only errors are that the flag does not exist, or has a completion.
		_ = cmd.RegisterFlagCompletionFunc(f.Name, complete)
	})
}

// known holds what the input of a command line says about Services.
type known struct {
	snapshot *model.Snapshot
	services []report.Service
}

// know reads the input of a command line that is being typed; nil if it can't be read.
func (a *app) know(ctx context.Context, in *input) *known {
	// Cobra parses flags twice, so that lists have their values twice.
	slices.Sort(in.filenames)
	in.filenames = slices.Compact(in.filenames)
	if in.check() != nil || slices.Contains(in.filenames, "-") {
		return nil
	}
	s := &state{}
	var err error
	if in.fromFiles() {
		s.namespace = in.namespace
		s.objects, _, err = a.readFiles(ctx, in.filenames, source.FileOptions{Namespace: in.defaultNamespace()})
	} else {
		in.cluster.limit(completionTimeout)
		s.objects, _, err = a.readCluster(ctx, in, &s.namespace)
	}
	if err != nil {
		return nil
	}
	in.options.Static = in.fromFiles()
	s.snapshot, _ = s.objects.Snapshot(in.options)
	s.result = compile.Compile(s.snapshot)
	return &known{snapshot: s.snapshot, services: s.services()}
}

// completeServices completes names of Services, with the namespace if it is asked for or
// if a name alone is ambiguous.
func (a *app) completeServices(in *input) candidates {
	return func(ctx context.Context, typed string) []cobra.Completion {
		k := a.know(ctx, in)
		if k == nil {
			return nil
		}
		count := map[string]int{}
		for i := range k.services {
			count[k.services[i].Name]++
		}
		var out []cobra.Completion
		for i := range k.services {
			s := &k.services[i]
			name := s.Name
			if count[name] > 1 || strings.Contains(typed, ".") {
				name += "." + s.Namespace
			}
			out = append(out, cobra.CompletionWithDesc(name, describe(s)))
		}
		return out
	}
}

// describe lists the versions of a Service, as in "v1 (released), v2".
func describe(s *report.Service) string {
	var out []string
	for _, v := range s.Versions {
		name := cmp.Or(v.Name, "no version")
		if v.Released {
			name += " (released)"
		}
		out = append(out, name)
	}
	return strings.Join(out, ", ")
}

// completeMembers completes members of the override header: a version of a Service, then
// its parameters.
func (a *app) completeMembers(in *input) candidates {
	return func(ctx context.Context, typed string) []cobra.Completion {
		if at := strings.LastIndexByte(typed, ';'); at >= 0 {
			member := typed[:at+1]
			if strings.HasPrefix(member, grammar.SetName) {
				return []cobra.Completion{member + "strict"}
			}
			return []cobra.Completion{member + "strict", member + "from=", member + "method="}
		}
		k := a.know(ctx, in)
		if k == nil {
			return nil
		}
		if strings.HasPrefix(typed, grammar.SetName) {
			return k.sets(typed)
		}
		var out []cobra.Completion
		for i := range k.services {
			s := &k.services[i]
			name := s.Name
			if beforeVersion, _, _ := strings.Cut(typed, ":"); strings.Contains(beforeVersion, ".") {
				name += "." + s.Namespace
			}
			for _, v := range s.Versions {
				if v.Name != "" {
					out = append(out, cobra.CompletionWithDesc(name+":"+v.Name, v.Why))
				}
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
}

// mostNames is the number of Services that a completion of a set names.
const mostNames = 6

// sets lists the sets of versions, of all Services or of those of a namespace, each with the
// Services that it is for.
func (k *known) sets(typed string) []cobra.Completion {
	beforeVersion, _, _ := strings.Cut(typed, ":")
	namespaced := strings.Contains(beforeVersion, ".")
	services := map[string][]string{}
	for i := range k.services {
		s := &k.services[i]
		name := grammar.SetName
		if namespaced {
			name += "." + s.Namespace
		}
		for _, v := range s.Versions {
			if v.Name != "" {
				services[name+":"+v.Name] = append(services[name+":"+v.Name], s.Name)
			}
		}
	}
	var out []cobra.Completion
	for _, set := range slices.Sorted(maps.Keys(services)) {
		names := services[set]
		if len(names) > mostNames {
			names = append(names[:mostNames:mostNames], "…")
		}
		out = append(out, cobra.CompletionWithDesc(set, strings.Join(names, ", ")))
	}
	return out
}

// completeHeaders completes headers that carry overrides, without white space, at which a
// shell would split them.
func (a *app) completeHeaders(in *input) cobra.CompletionFunc {
	members := completedList(a.completeMembers(in))
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		name := in.options.Header + ":"
		value, found := strings.CutPrefix(typed, name)
		if !found {
			return beginningWith(typed, []cobra.Completion{name}), cobra.ShellCompDirectiveNoFileComp | cobra.ShellCompDirectiveNoSpace
		}
		out, directive := members(cmd, args, value)
		for i := range out {
			out[i] = name + out[i]
		}
		return out, directive
	}
}

// completeCallers completes workloads that call Services.
func (a *app) completeCallers(in *input) candidates {
	return func(ctx context.Context, _ string) []cobra.Completion {
		k := a.know(ctx, in)
		if k == nil {
			return nil
		}
		var out []cobra.Completion
		for _, c := range k.snapshot.Callers {
			out = append(out, c.Name+"."+c.Namespace)
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
}

// completePorts completes the names of the ports of a Service.
func (a *app) completePorts(in *input, service *string) candidates {
	return func(ctx context.Context, _ string) []cobra.Completion {
		k := a.know(ctx, in)
		if k == nil {
			return nil
		}
		var out []cobra.Completion
		for i := range k.snapshot.Services {
			s := &k.snapshot.Services[i]
			if *service != s.Name && *service != s.Name+"."+s.Namespace {
				continue
			}
			for _, p := range s.Ports {
				if p.Name != "" {
					out = append(out, p.Name)
				}
			}
		}
		slices.Sort(out)
		return slices.Compact(out)
	}
}
