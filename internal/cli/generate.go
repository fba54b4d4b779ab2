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

	"github.com/overrides-mesh/overrides/internal/encoded"
	"github.com/overrides-mesh/overrides/internal/istio"
)

const generateLong = `Generate reads Services and workloads, and prints the DestinationRules and
VirtualServices that route requests by their override header. It prints nothing for
Services that have nothing to override. The same input gives the same bytes, in whatever
order it is read.

It also prints what each GatewayOverridePolicy in the input asks for: guards, and an EnvoyFilter.

Objects go to stdout, diagnostics to stderr. Generate reports documents that it can't read,
and processes the others.

DestinationRules come before the VirtualServices that name their subsets: keep that order
when you apply the output. To write to a cluster, use overrides apply, which waits in
between, and deletes objects that are no longer generated.`

const generateExamples = `# print the configuration for a folder of manifests
overrides generate -f examples/chain

# read from a pipe
kustomize build . | overrides generate -f - > overrides.yaml

# print the configuration for the services that run in a namespace
overrides generate -n chain

# give a namespace to manifests without one, and let warnings fail the pipeline
overrides generate -f deploy/ -n shop --strict-diagnostics > overrides.yaml`

func (a *app) generateCommand() *cobra.Command {
	var output format
	var in *input
	cmd := &cobra.Command{
		Use:     "generate",
		Short:   "Print the Istio configuration for overrides",
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
			objects, entries, diags, selected := s.generated, s.entries, s.diags, s.selected == nil || len(s.selected.services) > 0
			s = nil // the memory for what was read is needed to print
			write := writeYAML
			if output.value == "json" {
				write = writeJSON
			}
			if err := write(a.Out, entries, objects); err != nil {
				return err
			}
			switch {
			case !selected:
				a.say("no Service in the input has the labels %s", in.selector)
			case len(objects)+len(entries) == 0:
				a.say("nothing to override: no objects are needed")
			}
			return verdict(diags, in.strict)
		}),
	}
	addFormat(cmd, &output, "output format", "yaml", "json")
	in = a.addInput(cmd)
	in.forget, in.prints = true, true
	addSelector(cmd, in)
	return cmd
}

// writeYAML writes objects as documents, in order: first those of entries, so that nobody
// follows an override that they would remove. All processors encode the others, as many at a
// time as the memory for a few of them allows.
func writeYAML(w io.Writer, entries []encoded.Object, objects []istio.Unencoded) error {
	if err := writeDocuments(w, entries); err != nil {
		return err
	}
	for batch := range slices.Chunk(objects, 64*runtime.GOMAXPROCS(0)) {
		printed := make([][]byte, len(batch))
		var group errgroup.Group
		group.SetLimit(runtime.GOMAXPROCS(0))
		for i := range batch {
			group.Go(func() (err error) {
				printed[i], err = batch[i].YAML()
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return err
		}
		for _, data := range printed {
			if _, err := io.WriteString(w, "---\n"); err != nil {
				return err
			}
			if _, err := w.Write(data); err != nil {
				return err
			}
		}
	}
	return nil
}

// writeJSON writes objects as a List, one by one.
func writeJSON(w io.Writer, entries []encoded.Object, objects []istio.Unencoded) error {
	var b bytes.Buffer
	b.WriteString("{\n  \"apiVersion\": \"v1\",\n  \"kind\": \"List\",\n  \"items\": [")
	for i := range len(entries) + len(objects) {
		var o encoded.Object
		var err error
		if i < len(entries) {
			o = entries[i]
		} else if o, err = objects[i-len(entries)].Encode(); err != nil {
			return err
		}
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
	if len(entries)+len(objects) > 0 {
		b.WriteString("\n  ")
	}
	b.WriteString("]\n}\n")
	_, err := b.WriteTo(w)
	return err
}
