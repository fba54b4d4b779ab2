package compiletest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/model"
)

// Manifests returns a generated snapshot as the YAML documents that its users
// would have written. Readiness is not in them: from YAML, every pod is ready.
func Manifests(s *model.Snapshot) []byte {
	var out []byte
	for _, d := range slices.Concat(meshObjects(s), workloads(s), istioObjects(s), gateways(s), entrances(s)) {
		data, err := yaml.Marshal(d)
		if err != nil {
			panic(fmt.Sprintf("a generated object can't be printed: %v", err)) // a bug in the generator
		}
		out = append(append(out, "---\n"...), data...)
	}
	return out
}

// object is one that has no type of its own here.
type object = map[string]any

const revisionLabel = "istio.io/rev"

// meshObjects are those that say what holds for all of a cluster, where anything does.
func meshObjects(s *model.Snapshot) []any {
	var out []any
	if len(s.Namespaces) > len(namespaces) {
		for _, name := range s.Namespaces {
			labels := object{}
			for key, value := range s.NamespaceLabels[name] {
				labels[key] = value
			}
			if revision := s.Revisions[name]; revision != "" {
				labels[revisionLabel] = revision
			}
			if s.NamespaceLabels != nil && s.NamespaceLabels[name] == nil {
				continue
			}
			meta := object{"name": name, "labels": labels}
			out = append(out, object{"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
		}
	}
	for _, tag := range slices.Sorted(maps.Keys(s.Tags)) {
		out = append(out, object{
			"apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
			"metadata": object{"name": "istio-revision-tag-" + tag, "labels": object{"istio.io/tag": tag, revisionLabel: s.Tags[tag]}},
		})
	}
	config := object{}
	for key, exportTo := range map[string][]string{
		"defaultVirtualServiceExportTo":  s.Mesh.VirtualServiceExportTo,
		"defaultDestinationRuleExportTo": s.Mesh.DestinationRuleExportTo,
		"defaultServiceExportTo":         s.Mesh.ServiceExportTo,
	} {
		if exportTo != nil {
			config[key] = exportTo
		}
	}
	if len(config) > 0 {
		text, err := yaml.Marshal(config)
		if err != nil {
			panic(err) // lists of strings can be printed
		}
		out = append(out, object{
			"apiVersion": "v1", "kind": "ConfigMap", "data": object{"mesh": string(text)},
			"metadata": object{"namespace": cmp.Or(s.Options.RootNamespace, rootNamespace), "name": "istio"},
		})
	}
	return out
}

// istioObjects are those of kinds of Istio's.
func istioObjects(s *model.Snapshot) []any {
	var out []any
	for i := range s.VirtualServices {
		v := &s.VirtualServices[i]
		o := &istionetv1.VirtualService{TypeMeta: istioType("VirtualService"), ObjectMeta: objectMeta(v.Namespace, v.Name, v.Revision, v.Created)}
		v.Spec.DeepCopyInto(&o.Spec)
		out = append(out, o)
	}
	for i := range s.DestinationRules {
		r := &s.DestinationRules[i]
		o := &istionetv1.DestinationRule{TypeMeta: istioType("DestinationRule"), ObjectMeta: objectMeta(r.Namespace, r.Name, r.Revision, r.Created)}
		r.Spec.DeepCopyInto(&o.Spec)
		out = append(out, o)
	}
	for i := range s.Sidecars {
		c := &s.Sidecars[i]
		o := &istionetv1.Sidecar{TypeMeta: istioType("Sidecar"), ObjectMeta: objectMeta(c.Namespace, c.Name, c.Revision, c.Created)}
		c.Spec.DeepCopyInto(&o.Spec)
		out = append(out, o)
	}
	for i := range s.ServiceEntries {
		e := &s.ServiceEntries[i]
		o := &istionetv1.ServiceEntry{TypeMeta: istioType("ServiceEntry"), ObjectMeta: objectMeta(e.Namespace, e.Name, e.Revision, e.Created)}
		e.Spec.DeepCopyInto(&o.Spec)
		out = append(out, o)
	}
	return out
}

// gateways are the Gateways, and Deployments of their pods.
func gateways(s *model.Snapshot) []any {
	var out []any
	for i := range s.Gateways {
		g := &s.Gateways[i]
		o := &istionetv1.Gateway{TypeMeta: istioType("Gateway"), ObjectMeta: objectMeta(g.Namespace, g.Name, g.Revision, g.Created)}
		g.Spec.DeepCopyInto(&o.Spec)
		if g.PinOnly {
			o.Annotations = map[string]string{"overrides.mesh/follow": "false"}
		}
		out = append(out, o)
	}
	for _, p := range s.GatewayPods {
		out = append(out, object{
			"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"namespace": p.Namespace, "name": "gateway"},
			"spec": object{"selector": object{"matchLabels": p.Labels}, "template": object{"metadata": object{"labels": p.Labels}}},
		})
	}
	return out
}

func istioType(kind string) metav1.TypeMeta {
	return metav1.TypeMeta{APIVersion: "networking.istio.io/v1", Kind: kind}
}

func objectMeta(namespace, name, revision string, created time.Time) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: metav1.NewTime(created)}
	if revision != "" {
		meta.Labels = map[string]string{revisionLabel: revision}
	}
	return meta
}

// entrances are the ways into the cluster, by an Ingress or a gateway.
func entrances(s *model.Snapshot) []any {
	var out []any
	for _, e := range s.Entrances {
		meta := object{"namespace": e.Namespace, "name": e.Name}
		if e.Kind == "Ingress" {
			out = append(out, object{"apiVersion": "networking.k8s.io/v1", "kind": e.Kind, "metadata": meta, "spec": ingressSpec(e)})
			continue
		}
		var backends []object
		for _, service := range e.Services {
			backends = append(backends, object{"namespace": service[0], "name": service[1], "port": 80})
		}
		out = append(out, object{
			"apiVersion": "gateway.networking.k8s.io/v1", "kind": e.Kind, "metadata": meta,
			"spec": object{
				"parentRefs": []object{{"name": "public", "namespace": rootNamespace}},
				"rules":      []object{{"backendRefs": backends}},
			},
		})
	}
	return out
}

func ingressSpec(e model.Entrance) object {
	var paths []object
	for _, service := range e.Services {
		backend := object{"service": object{"name": service[1], "port": object{"number": 80}}}
		paths = append(paths, object{"path": "/" + service[1], "pathType": "Prefix", "backend": backend})
	}
	return object{"rules": []object{{"host": "shop.example.com", "http": object{"paths": paths}}}}
}
