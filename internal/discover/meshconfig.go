package discover

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	istioapi "istio.io/api/networking/v1alpha3"
	corev1 "k8s.io/api/core/v1"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// meshConfigMap is the ConfigMap that has the mesh configuration of the default
// revision, in the namespace of istiod; that of another has its name behind a dash
// (istio pilot/pkg/bootstrap: getMeshConfigMapName; pkg/config/mesh/kubemesh:
// MeshConfigKey).
const (
	meshConfigMap = "istio"
	meshConfigKey = "mesh"
)

// MeshConfigMap returns the name of the ConfigMap that has the mesh configuration
// of a revision of Istio.
func MeshConfigMap(revision string) string {
	if revision == "" || revision == defaultRevision {
		return meshConfigMap
	}
	return meshConfigMap + "-" + revision
}

// MeshConfig is the trimmed form of a ConfigMap with a mesh configuration.
type MeshConfig struct {
	Meta

	// Defaults are nil if they are Istio's own.
	Defaults model.MeshConfig
	// RootNamespace is empty if it is not set.
	RootNamespace string
	// Fault says why the configuration can't be read; empty if it can.
	Fault string
}

// revision returns the revision of Istio that c configures.
func (c *MeshConfig) revision() string {
	_, revision, _ := strings.Cut(c.Name, "-")
	return cmp.Or(revision, defaultRevision)
}

// isMeshConfig reports whether a ConfigMap of a name may have a mesh configuration.
func isMeshConfig(name string) bool {
	return name == meshConfigMap || strings.HasPrefix(name, meshConfigMap+"-")
}

// mayConfigureMesh reports whether text, a ConfigMap in YAML or JSON, may have a
// mesh configuration. Most ConfigMaps have none, and some are large.
func mayConfigureMesh(text []byte) bool {
	return bytes.Contains(text, []byte(meshConfigMap)) && bytes.Contains(text, []byte(meshConfigKey))
}

// meshConfigOf returns the trimmed form of a ConfigMap, nil for one without a mesh
// configuration.
func meshConfigOf(in *corev1.ConfigMap) *MeshConfig {
	text, said := in.Data[meshConfigKey]
	if !said || !isMeshConfig(in.Name) {
		return nil
	}
	out := &MeshConfig{Meta: metaOf(in)}
	if err := out.read(text); err != nil {
		out.Fault = jsonMessage(err)
	}
	return out
}

// read reads a mesh configuration as istiod does (istio pkg/config/mesh:
// ApplyMeshConfig, pkg/util/protomarshal: ApplyYAML): YAML whose fields have their names
// of JSON or of the protocol buffer, beside any others. An empty list is the same as none.
func (c *MeshConfig) read(text string) error {
	doc, err := yaml.YAMLToJSON([]byte(text))
	if err != nil {
		return err
	}
	var tree map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts(doc, &tree); err != nil {
		return fmt.Errorf("is %s, not an object", describe(doc))
	}
	for _, f := range []struct {
		names [2]string
		into  *[]string
	}{
		{[2]string{"defaultVirtualServiceExportTo", "default_virtual_service_export_to"}, &c.Defaults.VirtualServiceExportTo},
		{[2]string{"defaultDestinationRuleExportTo", "default_destination_rule_export_to"}, &c.Defaults.DestinationRuleExportTo},
		{[2]string{"defaultServiceExportTo", "default_service_export_to"}, &c.Defaults.ServiceExportTo},
	} {
		for _, name := range f.names {
			if *f.into, err = stringList(tree[name], *f.into); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	for _, name := range []string{"defaultHttpRetryPolicy", "default_http_retry_policy"} {
		if tree[name] == nil {
			continue
		}
		doc, err := json.Marshal(tree[name])
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		c.Defaults.Retries = &istioapi.HTTPRetry{}
		if err := json.Unmarshal(doc, c.Defaults.Retries); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, name := range []string{"rootNamespace", "root_namespace"} {
		switch v := tree[name].(type) {
		case nil:
		case string:
			c.RootNamespace = cmp.Or(v, c.RootNamespace)
		default:
			return fmt.Errorf("%s: is %s, but must be a string", name, describeValue(v))
		}
	}
	return nil
}

// stringList returns value, a list of strings, or otherwise if it is null.
func stringList(value any, otherwise []string) ([]string, error) {
	if value == nil {
		return otherwise, nil
	}
	list, ok := value.([]any)
	if !ok {
		return nil, fmt.Errorf("is %s, but must be a list", describeValue(value))
	}
	out := slices.Clone(otherwise)
	for i, v := range list {
		text, ok := v.(string)
		if !ok {
			return nil, fmt.Errorf("[%d] is %s, but must be a string", i, describeValue(v))
		}
		out = append(out, text)
	}
	return out, nil
}

// readMeshConfig adds the mesh configurations of all revisions to the snapshot, and the
// options that take their place. Each revision has a configuration of its own; the snapshot
// has one for all, with the least visibility for each kind of object: nothing relies on a
// proxy that may not see an object.
func (r *reader) readMeshConfig() {
	of := r.meshConfigs()
	out := &r.snapshot.Mesh
	for _, f := range []struct {
		what string
		of   func(*model.MeshConfig) *[]string
	}{
		{"defaultVirtualServiceExportTo", func(c *model.MeshConfig) *[]string { return &c.VirtualServiceExportTo }},
		{"defaultDestinationRuleExportTo", func(c *model.MeshConfig) *[]string { return &c.DestinationRuleExportTo }},
		{"defaultServiceExportTo", func(c *model.MeshConfig) *[]string { return &c.ServiceExportTo }},
	} {
		said := *f.of(&r.snapshot.Options.Mesh)
		if len(said) == 0 {
			said = r.leastVisible(of, f.what, func(c *MeshConfig) []string { return *f.of(&c.Defaults) })
		}
		*f.of(out) = said
	}
	if len(of) > 0 {
		out.Retries = of[0].Defaults.Retries
	}
	roots := map[string]bool{}
	for _, c := range of {
		roots[cmp.Or(c.RootNamespace, r.snapshot.Options.RootNamespace)] = true
	}
	switch names := slices.Sorted(maps.Keys(roots)); {
	case len(names) == 1:
		r.snapshot.Options.RootNamespace = names[0]
	case len(names) > 1:
		r.report(diag.MeshConfigsDiffer, of[0].object(), "rootNamespace: revisions of Istio differ (%s): %s is used for all", strings.Join(names, ", "), r.snapshot.Options.RootNamespace)
	}
}

// meshConfigs lists the mesh configurations, by the names of their revisions, without those
// that can't be read: istiod goes on with the previous configuration, or with Istio's own
// defaults (istio pkg/config/mesh/meshwatcher: NewCollection).
func (r *reader) meshConfigs() []*MeshConfig {
	var out []*MeshConfig
	for _, c := range r.MeshConfigs {
		switch {
		case c.Namespace != r.snapshot.Options.RootNamespace:
		case c.Fault != "":
			r.report(diag.MeshConfigInvalid, c.object(), "data.%s: %s", meshConfigKey, c.Fault)
			out = append(out, &MeshConfig{Meta: c.Meta})
		default:
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *MeshConfig) int { return cmp.Compare(a.revision(), b.revision()) })
	return out
}

func (c *MeshConfig) object() diag.Object {
	return diag.Object{Kind: "ConfigMap", Namespace: c.Namespace, Name: c.Name}
}

// leastVisible returns the default with the least visibility, and reports configurations
// that differ.
func (r *reader) leastVisible(of []*MeshConfig, what string, read func(*MeshConfig) []string) []string {
	if len(of) == 0 {
		return nil
	}
	least, same := of[0], true
	for _, c := range of[1:] {
		same = same && slices.Equal(exported(read(c)), exported(read(of[0])))
		if compareVisibility(read(c), read(least)) < 0 {
			least = c
		}
	}
	if !same {
		var each []string
		for _, c := range of {
			each = append(each, fmt.Sprintf("%s has %q", c.revision(), exported(read(c))))
		}
		r.report(diag.MeshConfigsDiffer, least.object(), "%s: revisions of Istio differ (%s): that of %s is used for all", what, strings.Join(each, ", "), least.revision())
	}
	return read(least)
}

// exported returns a default of the mesh; nil is everybody.
func exported(to []string) []string {
	if len(to) == 0 {
		return []string{"*"}
	}
	return to
}

// compareVisibility orders defaults by who sees objects with them: nobody, the own
// namespace, some namespaces, everybody.
func compareVisibility(a, b []string) int {
	rank := func(to []string) int {
		switch {
		case slices.Contains(to, "*"):
			return 3
		case slices.Contains(to, "~"):
			return 0
		case slices.Equal(to, []string{"."}):
			return 1
		}
		return 2
	}
	a, b = exported(a), exported(b)
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(len(a), len(b)), slices.Compare(a, b))
}
