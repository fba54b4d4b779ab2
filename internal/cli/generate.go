package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"runtime"
	"slices"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"github.com/overrides-mesh/overrides/internal/istio"
)

const generateLong = `Generate reads Services and workloads and prints the DestinationRules and
VirtualServices with which requests are routed by their override header. Nothing
is printed for Services that have nothing to override. The same input gives the
same bytes, whatever its order.

Objects go to stdout, diagnostics to stderr. Documents that can't be read are
reported, the others are processed.

Apply what was printed as a whole: DestinationRules stand before the
VirtualServices that name their subsets. To write to a cluster, use overrides apply,
which waits in between, and deletes what is not generated any more.`

const generateExamples = `# the configuration for a folder of manifests
overrides generate -f examples/chain

# from a pipe; overrides apply writes to a cluster, and deletes what has gone
kustomize build . | overrides generate -f - > overrides.yaml

# for the services of a namespace that are running now
overrides generate -n chain

# the manifests say no namespace, warnings are to fail the pipeline
overrides generate -f deploy/ -n shop --strict-diagnostics > overrides.yaml`

func (a *app) generateCommand() *cobra.Command {
	var output format
	var in *input
	cmd := &cobra.Command{
		Use:     "generate",
		Short:   "Print the Istio configuration that overrides need",
		Long:    generateLong,
		Example: a.examples(generateExamples),
		Args:    noArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error {
			in.options.Static = true
			s, err := a.read(ctx, in)
			if err != nil {
				return err
			}
			a.tell(in, s.diags)
			write := writeYAML
			if output.value == "json" {
				write = writeJSON
			}
			if err := write(a.Out, s.generated); err != nil {
				return err
			}
			switch {
			case s.selected != nil && len(s.selected.services) == 0:
				a.say("no Service that was read has the labels %s", in.selector)
			case len(s.generated) == 0:
				a.say("nothing to override: no objects are needed")
			}
			return verdict(s.diags, in.strict)
		}),
	}
	addFormat(cmd, &output, "how to write the objects", "yaml", "json")
	in = a.addInput(cmd)
	addSelector(cmd, in)
	return cmd
}

// writeYAML writes objects as documents, in order. They are printed by all
// processors, as many at a time as the memory for a few of them allows.
func writeYAML(w io.Writer, objects []istio.Object) error {
	for batch := range slices.Chunk(objects, 64*runtime.GOMAXPROCS(0)) {
		printed := make([][]byte, len(batch))
		var group errgroup.Group
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i, o := range batch {
			group.Go(func() (err error) {
				printed[i], err = o.YAML()
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for _, data := range printed {
			if _, err := w.Write(append([]byte("---\n"), data...)); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeJSON writes objects as a List, one by one.
func writeJSON(w io.Writer, objects []istio.Object) error {
	var b bytes.Buffer
	b.WriteString("{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"List\",\n  \"items\": [")
	for i, o := range objects {
		if i > 0 {
			b.WriteString(",")
		}
		b.WriteString("\n    ")
		if err := json.Indent(&b, o.JSON, "    ", "  "); err != nil {
			return err
		}
		if _, err := b.WriteTo(w); err != nil {
			return err
		}
	}
	if len(objects) > 0 {
		b.WriteString("\n  ")
	}
	b.WriteString("]\n}\n")
	_, err := b.WriteTo(w)
	return err
}
