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

const versionsLong = `Versions prints a table of the Services and their versions: which one ordinary
traffic gets and by which rule, how many pods are ready, and what an override
leads to. Services that are left alone stand there with the reason.

Below it are the doors of Services that have previews: ways to their pods by which
ordinary requests reach previews, with the callers that come in there; with --doors
also those at which ordinary requests are kept from previews. JSON has all of them.

The released version is, by the first rule that applies: the one that is named
(annotation overrides.mesh/released, or an OverridePolicy); the workload that is
named; the workload that was released before, as the objects say that were made
then, or what stands in for it; the only workload; the one that runs v1; in a
cluster, the workload that was there first.`

const versionsExamples = `# all services of a folder of manifests
overrides versions -f examples/chain

# two of them
overrides versions -f examples/chain service-1 service-3.chain

# all ways to the pods of services with previews
overrides versions -f examples/chain --doors

# what is running in a namespace, for a program
overrides versions -n chain -o json`

func (a *app) versionsCommand() *cobra.Command {
	var output format
	var in *input
	var doors bool
	cmd := &cobra.Command{
		Use:     "versions [SERVICE[.NAMESPACE]...]",
		Short:   "List services, their versions and which one is released",
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
	cmd.Flags().BoolVar(&doors, "doors", false, "list the doors that are pinned too")
	addFormat(cmd, &output, "how to write the table", "text", "json")
	in = a.addInput(cmd)
	cmd.ValidArgsFunction = completed(a.completeServices(in))
	addSelector(cmd, in)
	return cmd
}

// writeVersions writes the table of services, and that of their doors below it.
func writeVersions(w io.Writer, services []report.Service, all bool) error {
	var doors bytes.Buffer
	err := errors.Join(report.Versions(w, services), report.Doors(&doors, report.DoorsOf(services), all))
	if err == nil && doors.Len() > 0 {
		_, err = io.WriteString(w, "\n"+doors.String())
	}
	return err
}

// services lists the Services that are spoken of.
func (s *state) services() []report.Service {
	all := report.Services(s.snapshot, &s.result)
	return slices.DeleteFunc(all, func(x report.Service) bool {
		return s.namespace != "" && x.Namespace != s.namespace || !s.selected.service(x.Namespace, x.Name)
	})
}

// filter returns the Services that names mean, all if there are none. The error
// tells of names that mean nothing.
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

// nearService asks whether a Service with nearly this name is meant.
func nearService(services []report.Service, name string) string {
	candidates := make([]string, 0, len(services))
	for _, s := range services {
		if strings.Contains(name, ".") {
			candidates = append(candidates, s.Name+"."+s.Namespace)
		} else {
			candidates = append(candidates, s.Name)
		}
	}
	if near := explain.Nearest(name, candidates); near != "" {
		return "; did you mean " + near + "?"
	}
	return ""
}

func objectsOf(services []report.Service) map[diag.Object]bool {
	out := map[diag.Object]bool{}
	for _, s := range services {
		out[diag.Object{Kind: "Service", Namespace: s.Namespace, Name: s.Name}] = true
	}
	return out
}
