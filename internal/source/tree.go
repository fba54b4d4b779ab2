package source

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"

	yaml "go.yaml.in/yaml/v2"

	"github.com/overrides-mesh/overrides/internal/diag"
)

// Some trees hold what manifests are made from. They are told by the files that the
// programs look for which make them:
//
//	a directory with                       what becomes of it
//	-------------------------------------  -----------------------------------------------
//	a Chart.yaml and templates             it is not read: ChartNotRendered
//	a kustomization that changes objects   its files are read as they are: KustomizationNotBuilt
//	a kustomization that lists files       its files are read

// chartFile makes a directory a chart of Helm's (helm.sh/helm/v3/pkg/chartutil).
const chartFile = "Chart.yaml"

// isChart reports whether a directory is a chart with templates.
func isChart(dir string) bool {
	file, err := os.Stat(filepath.Join(dir, chartFile))
	if err != nil || !file.Mode().IsRegular() {
		return false
	}
	templates, err := os.Stat(filepath.Join(dir, "templates"))
	return err == nil && templates.IsDir()
}

func notRendered(dir string) diag.Diagnostic {
	return diag.New(diag.ChartNotRendered, diag.Object{}, "it is a Helm chart, and its templates are not rendered: it is not read").
		WithFix("render it first, as in: helm template %s | overrides generate -f -", dir).
		At(diag.Origin{File: dir})
}

// isKustomization reports whether kustomize looks for a file of a name
// (sigs.k8s.io/kustomize/api/konfig: RecognizedKustomizationFileNames).
func isKustomization(name string) bool {
	return slices.Contains([]string{"kustomization.yaml", "kustomization.yml", "Kustomization"}, name)
}

func notBuilt(path string) diag.Diagnostic {
	return diag.New(diag.KustomizationNotBuilt, diag.Object{}, "it describes how to build manifests, and is not one itself: it is not read").
		WithFix("%s", buildFix(filepath.Dir(path))).At(diag.Origin{File: path})
}

func buildFix(dir string) string {
	return fmt.Sprintf("build it first, as in: kustomize build %s | overrides generate -f -", dir)
}

// kustomization is one that changes what it takes.
type kustomization struct {
	path string
	// changes are the fields that do so.
	changes []string
}

// harmless are the fields of a kustomization that change nothing which decides a route.
var harmless = []string{
	"apiVersion", "kind", "metadata", "images", "replicas", "configMapGenerator", "secretGenerator", "generatorOptions",
	"configurations", "crds", "openapi", "buildMetadata", "sortOptions", "validators",
}

// addKustomization notes a kustomization if it changes what it takes, or takes what is not
// read.
func (w *walker) addKustomization(path string) {
	k := kustomization{path: path}
	text, err := os.ReadFile(path)
	if err != nil {
		w.diags = append(w.diags, unreadable(path, err))
		return
	}
	var fields map[string]any
	if err := yaml.Unmarshal(text, &fields); err != nil {
		k.changes = []string{"what it says is not YAML"}
	}
	for _, name := range slices.Sorted(maps.Keys(fields)) {
		switch value := fields[name]; {
		case slices.Contains(harmless, name), isNothing(value), name == "namespace" && value == w.namespace:
		case name == "resources", name == "bases":
			k.changes = append(k.changes, w.elsewhere(filepath.Dir(path), value)...)
		default:
			k.changes = append(k.changes, name)
		}
	}
	if len(k.changes) > 0 {
		w.changing = append(w.changing, k)
	}
}

func isNothing(value any) bool {
	switch v := value.(type) {
	case nil:
		return true
	case string:
		return v == ""
	case []any:
		return len(v) == 0
	case map[any]any:
		return len(v) == 0
	}
	return false
}

// elsewhere lists the resources of a kustomization in dir that are not below the root.
func (w *walker) elsewhere(dir string, value any) []string {
	resources, _ := value.([]any)
	var out []string
	for _, r := range resources {
		name, _ := r.(string)
		within, err := filepath.Rel(w.root, filepath.Join(dir, name))
		remote := strings.Contains(name, "://") || strings.Contains(name, "?ref=") || strings.HasPrefix(name, "github.com/")
		if remote || err != nil || within == ".." || strings.HasPrefix(within, ".."+string(filepath.Separator)) {
			out = append(out, "it takes "+name)
		}
	}
	return out
}

// sayKustomizations says once for all kustomizations that they were not built.
func (w *walker) sayKustomizations() []diag.Diagnostic {
	if len(w.changing) == 0 {
		return nil
	}
	first, others, dir := w.changing[0], "", filepath.Dir(w.changing[0].path)
	switch n := len(w.changing) - 1; {
	case n == 1:
		others, dir = ", as does another one below "+w.root, "DIR"
	case n > 1:
		others, dir = fmt.Sprintf(", as do %d others below %s", n, w.root), "DIR"
	}
	var changes []string
	for _, k := range w.changing {
		for _, c := range k.changes {
			if !slices.Contains(changes, c) {
				changes = append(changes, c)
			}
		}
	}
	const most = 5
	if len(changes) > most {
		changes = append(changes[:most], "…")
	}
	return []diag.Diagnostic{diag.New(diag.KustomizationNotBuilt, diag.Object{},
		"it changes the manifests that it lists (%s)%s, which Overrides does not do: files are read as they are, and patches as whole objects", strings.Join(changes, ", "), others).
		WithFix("%s", buildFix(dir)).At(diag.Origin{File: first.path})}
}
