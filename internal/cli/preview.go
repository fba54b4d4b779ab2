package cli

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/preview"
	"github.com/overrides-mesh/overrides/internal/source"
)

const previewLong = `Preview prints the manifests of a preview: a copy of the Deployment that is released for a
Service, with another name, another image, and labels that make it a version of its own.
Environment, volumes and resources stay as they are. The released workload may also be a
StatefulSet without volumes of its own, a DaemonSet, or a Rollout of Argo Rollouts; the
preview is a Deployment. HorizontalPodAutoscalers and PodDisruptionBudgets are not copied.

No other workload adopts the pods of the preview. Where the Service can't safely have them
behind it, or with --isolated, the preview gets a Service of its own. Before anything is
printed, preview proves that ordinary traffic stays as it is and that an override reaches
the preview; if either is not so, it prints nothing and exits with 1.

With --preview-namespace the preview, with a Service of its own, is in a namespace that the
Service permits. There it gets an alias (a Service of type ExternalName) of each Service in
the namespace of the released pods, so that http://cart means the same.

Objects go to stdout, diagnostics to stderr, and after these a line with the header that
asks for the preview. Without the operator, apply the output of overrides generate too,
which routes to the preview: before the preview if this shares the Service.`

const previewExamples = `# print a preview of the pull request 118, from manifests
overrides preview service-3.chain -f examples/chain --image ghcr.io/shop/service-3:pr-118 --name pr-118

# deploy it, given the cluster
overrides preview cart -n shop --image ghcr.io/shop/cart:pr-118 --name pr-118 | kubectl apply -f -

# together with the routes to it
helm template cart charts/cart -n shop > cart.yaml
overrides preview cart -f cart.yaml --image ghcr.io/shop/cart:pr-118 --name pr-118 > preview.yaml
overrides generate -f cart.yaml -f preview.yaml | kubectl apply -f - && kubectl apply -f preview.yaml

# in a namespace of its own
overrides preview checkout.shop -A --preview-namespace pr-118 --image ghcr.io/shop/checkout:pr-118 --name pr-118

# say whose it is, and until when it is needed
overrides preview cart -n shop --image ghcr.io/shop/cart:pr-118 --name pr-118 --owner alice --expires 3d`

// previewOptions are the flags of preview.
type previewOptions struct {
	*input
	preview.Request
	output  format
	expires string
}

func (a *app) previewCommand() *cobra.Command {
	o := &previewOptions{}
	cmd := &cobra.Command{
		Use:     "preview SERVICE[.NAMESPACE] --image IMAGE --name VERSION",
		Short:   "Print the manifests of a preview of a service",
		Long:    previewLong,
		Example: a.examples(previewExamples),
		Args:    cobra.ExactArgs(1),
		RunE: a.run(func(ctx context.Context, args []string) error {
			return a.preview(ctx, o, args[0])
		}),
	}
	flags := cmd.Flags()
	flags.StringVar(&o.Version, "name", "", "`version` that the preview is: the value of its version label")
	flags.StringVar(&o.Image, "image", "", "`image` of the preview")
	flags.StringVar(&o.Container, "container", "", "`container` that gets the image (default the only one, or that with the name of the Service or the workload)")
	flags.IntVar(&o.Replicas, "replicas", 1, "`number` of pods")
	flags.BoolVar(&o.Isolated, "isolated", false, "give the preview a Service of its own")
	flags.StringVar(&o.Home, "preview-namespace", "", "`namespace` of the preview (default that of the Service), which must exist, and be one that may have versions of the Service")
	flags.StringVar(&o.Owner, "owner", "", "`text` that says whose preview it is, for the annotation overrides.mesh/preview-owner")
	flags.StringVar(&o.expires, "expires", "", "`time` when it is no longer needed, as 72h, 3d, or 2026-12-31T18:00:00Z, for the annotation overrides.mesh/expires: the operator removes its route then")
	_, _ = cmd.MarkFlagRequired("name"), cmd.MarkFlagRequired("image")
	addFormat(cmd, &o.output, "output format", "yaml", "json")
	o.input = a.addInput(cmd)
	o.whole = true
	cmd.ValidArgsFunction = completed(a.completeServices(o.input))
	return cmd
}

func (a *app) preview(ctx context.Context, o *previewOptions, service string) error {
	if err := o.check(time.Now()); err != nil {
		return err
	}
	if looksLikePath(service) {
		return &usageError{givenWithF(a.name+" preview SERVICE", service)}
	}
	s, err := a.read(ctx, o.input)
	if err != nil {
		return err
	}
	found, err := s.serviceNamed(service)
	if err != nil {
		a.tell(o.input, about(s.diags, nil))
		return err
	}
	o.Service, o.Namespace = found.Name, found.Namespace
	a.tell(o.input, about(s.diags, map[diag.Object]bool{found.Object(): true}))
	out, err := a.makePreview(ctx, o, s)
	if err != nil {
		return err
	}
	a.tell(o.input, out.Diagnostics)
	if len(out.Objects) == 0 {
		return errReported
	}
	write := writePreviewYAML
	if o.output.value == "json" {
		write = writePreviewJSON
	}
	if err := write(a.Out, out.Objects); err != nil {
		return err
	}
	a.say("%s: %s", o.options.Header, out.Member)
	return verdict(slices.Concat(about(s.diags, map[diag.Object]bool{found.Object(): true}), out.Diagnostics), o.strict)
}

// check returns a usage error for invalid values. Durations count from now.
func (o *previewOptions) check(now time.Time) error {
	if err := grammar.ValidateVersion(o.Version); err != nil {
		return usagef("--name: %w", err)
	}
	if o.Home != "" && !o.fromFiles() && !o.allNamespaces {
		return usagef("--preview-namespace: the Service is in another namespace: read both with -A, and name the Service as SERVICE.NAMESPACE")
	}
	if problems := validation.IsDNS1123Label(o.Home); o.Home != "" && len(problems) > 0 {
		return usagef("--preview-namespace: %q is not the name of a namespace: %s", o.Home, problems[0])
	}
	if o.Image == "" || strings.ContainsFunc(o.Image, func(r rune) bool { return r <= ' ' || r > '~' }) {
		return usagef("--image: %q is not the name of an image", o.Image)
	}
	if o.Replicas < 1 || o.Replicas > 1000 {
		return usagef("--replicas: want a number from 1 to 1000")
	}
	if o.expires == "" {
		return nil
	}
	expires, err := parseExpiry(o.expires, now)
	if err != nil {
		return usagef("--expires: %w", err)
	}
	o.Expires = expires
	return nil
}

// parseExpiry reads a time, or a duration from now, which may be in days.
func parseExpiry(value string, now time.Time) (time.Time, error) {
	expires, err := time.Parse(time.RFC3339, value)
	if err != nil {
		var after time.Duration
		if days, isDays := strings.CutSuffix(value, "d"); isDays {
			var n uint64
			n, err = strconv.ParseUint(days, 10, 16)
			after = time.Duration(n) * 24 * time.Hour //nolint:gosec // 16 bits
		} else {
			after, err = time.ParseDuration(value)
		}
		if err != nil {
			return time.Time{}, fmt.Errorf("%q: want a duration such as 72h or 3d, or a time such as 2026-12-31T18:00:00Z", value)
		}
		expires = now.Add(after)
	}
	if !expires.After(now) {
		return time.Time{}, fmt.Errorf("%q is not in the future", value)
	}
	return expires, nil
}

// serviceNamed returns the Service that NAME or NAME.NAMESPACE refers to.
func (s *state) serviceNamed(name string) (*model.Service, error) {
	services, err := filter(s.services(), []string{name})
	if err != nil {
		return nil, err
	}
	if len(services) > 1 {
		var names []string
		for _, x := range services {
			names = append(names, x.Name+"."+x.Namespace)
		}
		return nil, fmt.Errorf("several namespaces have a Service %s: name one of %s", name, strings.Join(names, ", "))
	}
	at := slices.IndexFunc(s.snapshot.Services, func(x model.Service) bool {
		return x.Name == services[0].Name && x.Namespace == services[0].Namespace
	})
	return &s.snapshot.Services[at], nil
}

// makePreview makes the preview, from the documents that were read or those of the cluster.
func (a *app) makePreview(ctx context.Context, o *previewOptions, s *state) (preview.Output, error) {
	in := preview.Input{Objects: s.objects, Snapshot: s.snapshot, Result: &s.result}
	from, diags := preview.Find(in, o.Namespace, o.Service)
	if from == nil {
		return preview.Output{Diagnostics: diags}, nil
	}
	documents := s.objects.Documents
	if !o.fromFiles() {
		config, _, err := o.cluster.load()
		if err != nil {
			return preview.Output{}, err
		}
		if documents, err = source.Documents(ctx, config, from.Documents()); err != nil {
			return preview.Output{}, err
		}
	}
	return preview.Make(in, o.Request, from, documents)
}

func writePreviewYAML(w io.Writer, objects []preview.Object) error {
	for i := range objects {
		text, err := objects[i].YAML()
		if err != nil {
			return err
		}
		if _, err := fmt.Fprintf(w, "---\n%s", text); err != nil {
			return err
		}
	}
	return nil
}

func writePreviewJSON(w io.Writer, objects []preview.Object) error {
	items := make([]any, 0, len(objects))
	for i := range objects {
		items = append(items, objects[i].Content)
	}
	list := struct {
		APIVersion string `json:"apiVersion"`
		Kind       string `json:"kind"`
		Items      []any  `json:"items"`
	}{"v1", "List", items}
	return encodeJSON(w, list)
}
