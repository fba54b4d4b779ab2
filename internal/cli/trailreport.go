package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/internal/trail"
)

const trailReportLong = `Report says what a test run was served by: which versions of which services, and which images,
served the requests that asked for a member or a set, and which members were not honoured and
why. The exit code is 1 if one was not, in one request, or if no request was reported.

Digests of images come from the pods in the cluster, as long as these exist. As an in-toto
statement, the report is about these images. It is not signed: sign it with cosign.`

const trailReportExamples = `# for a pull request
overrides trail report --set pr-118 --since 30m > report.md

# for a test page, and fail the pipeline
overrides trail report --set pr-118 -o junit > report.xml

# signed (the statement's predicate, for one image)
overrides trail report --set pr-118 -o in-toto > statement.json`

func (a *app) trailReportCommand() *cobra.Command {
	o := &trailOptions{}
	cmd := &cobra.Command{
		Use: "report (--set NAME | --member MEMBER)", Short: "Report what the requests of a test run were served by",
		Long: trailReportLong, Example: a.examples(trailReportExamples), Args: noArgs,
		RunE: a.run(func(ctx context.Context, _ []string) error { return a.trailReport(ctx, o) }),
	}
	addFormat(cmd, &o.output, "output format", "markdown", "junit", "in-toto", "json")
	a.addTrailFlags(cmd, o)
	return cmd
}

func (a *app) trailReport(ctx context.Context, o *trailOptions) error {
	if err := o.check(); err != nil {
		return err
	}
	if len(o.wanted) == 0 {
		return usagef("name what the run asked for: --set NAME or --member MEMBER")
	}
	client, err := o.collector.client(&o.cluster)
	if err != nil {
		return err
	}
	snapshot, err := a.snapshot(ctx, o.input)
	if err != nil {
		return err
	}
	trails, err := a.trails(ctx, o, client)
	if err != nil {
		return err
	}
	var names []string
	for _, m := range o.wanted {
		names = append(names, m.String())
	}
	images := &imagesOf{ctx: ctx, app: a, cluster: &o.cluster, pods: map[[2]string][]string{}}
	run := trail.NewRun(strings.Join(names, ", "), trails, trail.Question{VersionLabel: o.options.VersionLabel, Snapshot: snapshot}, images.of)
	switch o.output.value {
	case "junit":
		err = run.JUnit(a.Out)
	case "in-toto":
		err = run.Statement(a.Out)
	case "json":
		err = encodeJSON(a.Out, run)
	default:
		err = run.Markdown(a.Out)
	}
	if err == nil && !run.Passed() {
		err = errReported
	}
	return err
}

// imagesOf reads the images of pods from the cluster, a namespace at a time.
type imagesOf struct {
	ctx     context.Context //nolint:containedctx // of one call
	app     *app
	cluster *clusterFlags
	pods    map[[2]string][]string
	read    map[string]bool
}

// of returns the images of a pod with their digests; none if they can't be read.
func (i *imagesOf) of(namespace, pod string) []string {
	if i.read == nil {
		i.read = map[string]bool{}
	}
	if !i.read[namespace] {
		i.read[namespace] = true
		if err := i.list(namespace); err != nil {
			i.app.say("note: the images of pods in namespace %s are not known: %v", namespace, err)
		}
	}
	return i.pods[[2]string{namespace, pod}]
}

func (i *imagesOf) list(namespace string) error {
	i.cluster.limit(10 * time.Second)
	config, _, err := i.cluster.load()
	if err != nil {
		return err
	}
	client, err := dynamic.NewForConfig(config)
	if err != nil {
		return err
	}
	list, err := client.Resource(corev1.SchemeGroupVersion.WithResource("pods")).Namespace(namespace).List(i.ctx, metav1.ListOptions{})
	if err != nil {
		return err
	}
	for at := range list.Items {
		var pod corev1.Pod
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(list.Items[at].Object, &pod); err != nil {
			return fmt.Errorf("read a pod: %w", err)
		}
		i.pods[[2]string{pod.Namespace, pod.Name}] = images(&pod)
	}
	return nil
}

// images lists the images of a pod's own containers, with digests. The sidecar is Istio's.
func images(pod *corev1.Pod) []string {
	var out []string
	for _, c := range pod.Status.ContainerStatuses {
		if c.Name != "istio-proxy" && strings.Contains(c.ImageID, "@") {
			_, image, scheme := strings.Cut(c.ImageID, "://")
			if !scheme {
				image = c.ImageID
			}
			out = append(out, image)
		}
	}
	return out
}
