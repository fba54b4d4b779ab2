package chart

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"

	"helm.sh/helm/v4/pkg/action"
	"helm.sh/helm/v4/pkg/chart/common"
	"helm.sh/helm/v4/pkg/chart/loader"
	release "helm.sh/helm/v4/pkg/release/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"
)

// The name and namespace of an ordinary installation, also in the documentation.
const (
	ReleaseName = "overrides"
	Namespace   = "overrides-system"
)

// Object is one rendered object.
type Object struct {
	// Source is the template, "templates/rbac.yaml".
	Source string
	// Text is the text from the template, without its separator.
	Text string
	unstructured.Unstructured
}

// ID is "Kind namespace/name" or "Kind name".
func (o *Object) ID() string {
	if o.GetNamespace() == "" {
		return o.GetKind() + " " + o.GetName()
	}
	return o.GetKind() + " " + o.GetNamespace() + "/" + o.GetName()
}

// Rendered is the chart's output for some values.
type Rendered struct {
	// Objects are the installed objects, and Hooks the Job and the objects that it needs,
	// in order of creation.
	Objects, Hooks []Object
	Notes          string
}

// All returns objects and hooks.
func (r *Rendered) All() []Object { return slices.Concat(r.Objects, r.Hooks) }

// Render renders the chart in a folder, as `helm template` would.
func Render(ctx context.Context, folder string, values map[string]any) (*Rendered, error) {
	loaded, err := loader.Load(folder)
	if err != nil {
		return nil, fmt.Errorf("load chart %s: %w", folder, err)
	}
	install := action.NewInstall(action.NewConfiguration(action.ConfigurationSetLogger(slog.DiscardHandler)))
	install.DryRunStrategy = action.DryRunClient
	install.ReleaseName, install.Namespace = ReleaseName, Namespace
	// Helm's own default is the version of its release build.
	install.KubeVersion = &common.KubeVersion{Version: "v1.37.0", Major: "1", Minor: "37"}
	made, err := install.RunWithContext(ctx, loaded, values)
	if err != nil {
		return nil, fmt.Errorf("render chart: %w", err)
	}
	rel, ok := made.(*release.Release)
	if !ok {
		return nil, fmt.Errorf("render chart: got a %T", made)
	}
	out := &Rendered{Notes: rel.Info.Notes}
	if out.Objects, err = decodeAll(rel.Manifest); err != nil {
		return nil, err
	}
	hooks := slices.Clone(rel.Hooks)
	slices.SortStableFunc(hooks, func(a, b *release.Hook) int { return a.Weight - b.Weight })
	for _, hook := range hooks {
		object, err := decode(hook.Manifest)
		if err != nil {
			return nil, err
		}
		object.Source = strings.TrimPrefix(hook.Path, "overrides/")
		out.Hooks = append(out.Hooks, object)
	}
	return out, nil
}

// decodeAll reads the documents of a manifest as Helm writes it.
func decodeAll(manifest string) ([]Object, error) {
	var out []Object
	for document := range strings.SplitSeq("\n"+manifest, "\n---\n") {
		if strings.TrimSpace(document) == "" {
			continue
		}
		object, err := decode(document)
		if err != nil {
			return nil, err
		}
		out = append(out, object)
	}
	return out, nil
}

func decode(document string) (Object, error) {
	var out Object
	text := strings.TrimSpace(document)
	if first, rest, _ := strings.Cut(text, "\n"); strings.HasPrefix(first, "# Source: ") {
		out.Source = strings.TrimPrefix(first, "# Source: overrides/")
		text = strings.TrimSpace(rest)
	}
	out.Text = text + "\n"
	if err := yaml.UnmarshalStrict([]byte(text), &out.Object); err != nil {
		return out, fmt.Errorf("decode what %s makes: %w\n%s", out.Source, err, text)
	}
	if out.GetKind() == "" || out.GetName() == "" {
		return out, errors.New(out.Source + " renders something that is not an object:\n" + text)
	}
	return out, nil
}
