package cli

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/explain"
	"github.com/overrides-mesh/overrides/internal/report"
)

const versionsLong = `Versions prints a table of the Services and their versions: which version gets ordinary
traffic and by which rule, how many pods are ready, and what an override leads to. For
Services that are left alone it prints the reason.

Below it are the doors of Services that have previews: ways to their pods through which
ordinary requests reach previews, and the callers that use them. With --doors it also lists
the doors at which ordinary requests are kept from previews. JSON output has all doors.

The first of these rules that applies decides which version is released: the version that
is named (annotation overrides.mesh/released, or an OverridePolicy); the workload that is
named; the workload that was released before, as recorded in objects of Overrides, or its
stand-in; the only workload; the workload that runs v1; in a cluster, the oldest
workload.`

const versionsExamples = `# all services of a folder of manifests
overrides versions -f examples/chain

# two of them
overrides versions -f examples/chain service-1 service-3.chain

# all ways to the pods of services with previews
overrides versions -f examples/chain --doors

# the services that run in a namespace, as JSON
overrides versions -n chain -o json`

func (a *app) versionsCommand() *cobra.Command {
	var output format
	var in *input
	var doors bool
	cmd := &cobra.Command{
		Use:     "versions [SERVICE[.NAMESPACE]...]",
		Short:   "List services, their versions, and which one is released",
		Long:    versionsLong,
		Example: a.examples(versionsExamples),
		RunE: a.run(func(ctx context.Context, args []string) error {
			if at := slices.IndexFunc(args, looksLikePath); at >= 0 {
				return &usageError{givenWithF(a.name+" versions", args[at])}
			}
			s, err := a.read(ctx, in)
			if err != nil {
				return err
			}
			services, missing := filter(s.services(), args)
			diags := about(s.diags, objectsOf(services))
			a.tell(in, diags)
			if output.value == "json" {
				err = report.VersionsJSON(a.Out, services)
			} else if len(services) > 0 {
				err = writeVersions(a.Out, services, doors)
			}
			if err = errors.Join(err, missing); err != nil {
				return err
			}
			return verdict(diags, in.strict)
		}),
	}
	cmd.Flags().BoolVar(&doors, "doors", false, "list pinned doors too")
	addFormat(cmd, &output, "output format", "text", "json")
	in = a.addInput(cmd)
	cmd.ValidArgsFunction = completed(a.completeServices(in))
	addSelector(cmd, in)
	return cmd
}

// writeVersions writes the table of services, and the table of their doors below it.
func writeVersions(w io.Writer, services []report.Service, all bool) error {
	var doors bytes.Buffer
	err := errors.Join(report.Versions(w, services), report.Doors(&doors, report.DoorsOf(services), all))
	if err == nil && doors.Len() > 0 {
		_, err = io.WriteString(w, "\n"+doors.String())
	}
	return err
}

// services lists the Services to print.
func (s *state) services() []report.Service {
	all := report.Services(s.snapshot, &s.result)
	return slices.DeleteFunc(all, func(x report.Service) bool {
		return s.namespace != "" && x.Namespace != s.namespace || !s.selected.service(x.Namespace, x.Name)
	})
}

// filter returns the Services that names refer to, or all if there are no names. The
// error lists names that refer to nothing.
func filter(services []report.Service, names []string) ([]report.Service, error) {
	if len(names) == 0 {
		return services, nil
	}
	var errs []error
	wanted := map[int]bool{}
	for _, name := range names {
		found := false
		for i, s := range services {
			if strings.EqualFold(name, s.Name) || strings.EqualFold(name, s.Name+"."+s.Namespace) {
				found, wanted[i] = true, true
			}
		}
		if !found {
			errs = append(errs, fmt.Errorf("there is no Service %s%s", name, nearService(services, name)))
		}
	}
	var out []report.Service
	for i, s := range services {
		if wanted[i] {
			out = append(out, s)
		}
	}
	return out, errors.Join(errs...)
}

// nearService returns the suggestion of a Service with nearly this name.
func nearService(services []report.Service, name string) string {
	candidates := make([]string, 0, len(services))
	for _, s := range services {
		if strings.Contains(name, ".") {
			candidates = append(candidates, s.Name+"."+s.Namespace)
		} else {
			candidates = append(candidates, s.Name)
		}
	}
	return explain.DidYouMean(explain.Nearest(name, candidates))
}

func objectsOf(services []report.Service) map[diag.Object]bool {
	out := map[diag.Object]bool{}
	for _, s := range services {
		out[diag.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}] = true
	}
	return out
}
