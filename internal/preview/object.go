package preview

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"k8s.io/apimachinery/pkg/runtime"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// candidate is a result that may do what it should.
type candidate struct {
	labels, selector map[string]string
	objects          []Object
	// warnings are diagnostics that the result adds to those of the input.
	warnings []diag.Diagnostic
}

// shared returns a candidate with pods behind the Service. If there is none, it says why.
func (m *maker) shared() (*candidate, string) {
	of, matching := m.podLabels(m.ofWorkloads(), m.Base.Selector)
	if matching != nil {
		return nil, fmt.Sprintf("%s %s %s pods with the labels that Service %s selects (%s)", matching.of.Kind, matching.of.Name, matching.does, m.Service, pairs(m.Base.Selector))
	}
	if !model.HasLabels(of, m.Base.Selector) {
		return nil, fmt.Sprintf("Service %s selects labels that pods of this version do not have (%s)", m.Service, pairs(m.Base.Selector))
	}
	ofWorkload, _ := m.ownSelectors(of)
	if ofWorkload == nil {
		return nil, "no selector tells its pods from others"
	}
	return &candidate{labels: of, selector: ofWorkload, objects: []Object{m.deployment(of, ofWorkload)}}, ""
}

// isolated returns a candidate with a Service of its own. If there is none, it says why.
func (m *maker) isolated() (*candidate, string) {
	of, matching := m.podLabels(slices.Concat(m.ofWorkloads(), m.ofServices()), nil)
	if matching != nil {
		return nil, fmt.Sprintf("%s %s %s pods of the preview, whatever other labels they have", matching.of.Kind, matching.of.Name, matching.does)
	}
	ofWorkload, ofService := m.ownSelectors(of)
	if ofWorkload == nil || ofService == nil {
		return nil, "no selector tells the pods of the preview from others"
	}
	return &candidate{labels: of, selector: ofWorkload, objects: []Object{m.ownService(ofService), m.deployment(of, ofWorkload)}}, ""
}

// rolling are the fields of a Deployment that say how it is rolled out.
var rolling = []string{"strategy", "minReadySeconds", "progressDeadlineSeconds", "revisionHistoryLimit"}

// deployment returns the workload of the preview.
func (m *maker) deployment(of, selector map[string]string) Object {
	template := runtime.DeepCopyJSON(m.template)
	metadata := tree{"labels": treeOf(of)}
	annotations := stringMap(within(m.template, "metadata", "annotations"))
	delete(annotations, "kubectl.kubernetes.io/restartedAt")
	if len(annotations) > 0 {
		metadata["annotations"] = treeOf(annotations)
	}
	template["metadata"] = metadata
	spec := tree{"replicas": int64(m.Replicas), "selector": tree{"matchLabels": treeOf(selector)}, "template": template}
	if m.Workload.Kind == "Deployment" {
		for _, field := range rolling {
			if value, has := within(m.source, "spec")[field]; has {
				spec[field] = runtime.DeepCopyJSONValue(value)
			}
		}
	}
	object := m.object("Deployment", m.name, m.workloadLabels(of), withoutTools(stringMap(within(m.source, "metadata", "annotations"))))
	object.Content["apiVersion"], object.Content["spec"] = "apps/v1", spec
	return object
}

// workloadLabels returns the labels of the workload itself: those of the released one, with
// the values that its pods have.
func (m *maker) workloadLabels(of map[string]string) map[string]string {
	out := withoutTools(stringMap(within(m.source, "metadata", "labels")))
	before := within(m.template, "metadata", "labels")
	for key := range out {
		value, has := of[key]
		_, had := before[key]
		switch {
		case has:
			out[key] = value
		case had || slices.Contains(passing, key):
			delete(out, key)
		}
	}
	out[m.Settings.VersionLabel], out[compile.PreviewLabel] = m.Version, "true"
	return out
}

// ownService returns the Service of the preview. It has no labels of the Service, by which
// monitors may select it.
func (m *maker) ownService(selector map[string]string) Object {
	annotations := map[string]string{
		discover.VersionOfAnnotation:          m.baseText(),
		discover.AnnotationPrefix + "version": m.Version,
	}
	// Callers of the Service must see that of the preview.
	if value := text(within(m.base, "metadata", "annotations"), discover.ExportToAnnotation); value != "" {
		annotations[discover.ExportToAnnotation] = m.exportedTo(value)
	}
	var ports []any
	for _, port := range items(within(m.base, "spec"), "ports") {
		port = runtime.DeepCopyJSON(port)
		delete(port, "nodePort")
		ports = append(ports, port)
	}
	object := m.object("Service", m.serviceName, map[string]string{m.Settings.VersionLabel: m.Version}, annotations)
	object.Content["apiVersion"], object.Content["spec"] = "v1", tree{"selector": treeOf(selector), "ports": ports}
	return object
}

// object returns an object without a specification.
func (m *maker) object(kind, name string, labels, annotations map[string]string) Object {
	if m.Owner != "" {
		annotations[discover.PreviewOwnerAnnotation] = m.Owner
	}
	if !m.Expires.IsZero() {
		annotations[discover.ExpiresAnnotation] = m.Expires.UTC().Format(time.RFC3339)
	}
	metadata := tree{"name": name, "namespace": m.Home}
	if len(labels) > 0 {
		metadata["labels"] = treeOf(labels)
	}
	if len(annotations) > 0 {
		metadata["annotations"] = treeOf(annotations)
	}
	return Object{
		Object:  diag.Object{Kind: kind, Namespace: m.Home, Name: name},
		Content: tree{"kind": kind, "metadata": metadata},
	}
}

// pairs returns "KEY=VALUE, …".
func pairs(of map[string]string) string {
	out := make([]string, 0, len(of))
	for _, key := range slices.Sorted(maps.Keys(of)) {
		out = append(out, key+"="+of[key])
	}
	return strings.Join(out, ", ")
}
