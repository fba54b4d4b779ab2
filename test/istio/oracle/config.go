package oracle

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"istio.io/api/label"
	meshconfig "istio.io/api/mesh/v1alpha1"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/mesh"
	"istio.io/istio/pkg/config/mesh/meshwatcher"
	"istio.io/istio/pkg/kube/krt"
	corev1 "k8s.io/api/core/v1"

	"github.com/overrides-mesh/overrides/test/istio/manifest"
)

// defaultRevision is the revision of an istiod installed without one (Istio's chart sets
// REVISION to it).
const defaultRevision = "default"

// Revisions returns the revisions of istiod in manifests, sorted: the default one, and
// those in the label istio.io/rev of an object.
func Revisions(manifests []byte) ([]string, error) {
	objects, err := manifest.Split(manifests)
	if err != nil {
		return nil, err
	}
	found := map[string]bool{defaultRevision: true}
	for _, object := range objects {
		if revision := object.Metadata.Labels[label.IoIstioRev.Name]; revision != "" {
			found[revision] = true
		}
	}
	return slices.Sorted(maps.Keys(found)), nil
}

// readMesh returns the mesh configuration that an istiod of the revision reads: from the
// ConfigMap istio-REVISION in the root namespace, or from istio for the default revision
// (pilot/pkg/bootstrap, initMeshConfiguration). A revision without its own ConfigMap uses
// the default one.
func readMesh(configMaps []*corev1.ConfigMap, options Options) (*meshconfig.MeshConfig, error) {
	out := mesh.DefaultMeshConfig()
	out.RootNamespace = options.RootNamespace
	for _, name := range []string{"istio-" + options.Revision, "istio"} {
		i := slices.IndexFunc(configMaps, func(c *corev1.ConfigMap) bool {
			return c.Name == name && c.Namespace == options.RootNamespace
		})
		if i < 0 || options.Revision == defaultRevision && name != "istio" {
			continue
		}
		out, err := mesh.ApplyMeshConfig(configMaps[i].Data["mesh"], out)
		if err != nil {
			return nil, fmt.Errorf("read the mesh configuration in ConfigMap %s: %w", name, err)
		}
		return out, nil
	}
	return out, nil
}

// newWatcher returns a watcher of a mesh configuration that never changes. It is freed
// with the mesh: a global debug handler keeps those that Istio makes for tests forever.
func newWatcher(config *meshconfig.MeshConfig) meshwatcher.WatcherCollection {
	return meshwatcher.ConfigAdapter(krt.NewStatic(&meshwatcher.MeshConfigResource{MeshConfig: config}, true))
}

// date sets the age of objects without one: Istio's store would use the time at which it
// got each. See Options.Reverse.
func date(configs []config.Config, reverse bool) {
	var undated []*config.Config
	for i := range configs {
		if configs[i].CreationTimestamp.IsZero() {
			undated = append(undated, &configs[i])
		}
	}
	slices.SortFunc(undated, func(a, b *config.Config) int {
		return cmp.Or(cmp.Compare(b.Name, a.Name), cmp.Compare(b.Namespace, a.Namespace))
	})
	for i, object := range undated {
		object.CreationTimestamp = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
		if reverse {
			object.CreationTimestamp = time.Date(2035, 1, 1, 0, 0, i, 0, time.UTC)
		}
	}
}
