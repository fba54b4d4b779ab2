package compiletest

import (
	"fmt"
	"strings"
	"time"

	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/model"
)

// Manifests returns a generated snapshot as the YAML documents that its users
// would have written.
func Manifests(s *model.Snapshot) []byte {
	var documents []any
	for i := range s.Services {
		documents = append(documents, serviceObject(&s.Services[i]))
		for j := range s.Services[i].Backends {
			documents = append(documents, deployment(s.Services[i].Namespace, &s.Services[i].Backends[j]))
		}
	}
	for i := range s.VirtualServices {
		v := &s.VirtualServices[i]
		out := &istionetv1.VirtualService{
			TypeMeta:   metav1.TypeMeta{APIVersion: "networking.istio.io/v1", Kind: "VirtualService"},
			ObjectMeta: objectMeta(v.Namespace, v.Name, v.Created),
		}
		v.Spec.DeepCopyInto(&out.Spec)
		documents = append(documents, out)
	}
	for i := range s.DestinationRules {
		d := &s.DestinationRules[i]
		out := &istionetv1.DestinationRule{
			TypeMeta:   metav1.TypeMeta{APIVersion: "networking.istio.io/v1", Kind: "DestinationRule"},
			ObjectMeta: objectMeta(d.Namespace, d.Name, d.Created),
		}
		d.Spec.DeepCopyInto(&out.Spec)
		documents = append(documents, out)
	}
	var out []byte
	for _, d := range documents {
		data, err := yaml.Marshal(d)
		if err != nil {
			panic(fmt.Sprintf("a generated object can't be printed: %v", err)) // a bug in the generator
		}
		out = append(append(out, "---\n"...), data...)
	}
	return out
}

func objectMeta(namespace, name string, created time.Time) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: namespace, Name: name, CreationTimestamp: metav1.NewTime(created)}
}

type object = map[string]any

func serviceObject(s *model.Service) object {
	var ports []object
	for _, p := range s.Ports {
		ports = append(ports, object{"name": p.Name, "port": p.Number})
	}
	spec := object{"selector": s.Selector, "ports": ports}
	if s.Headless {
		spec["clusterIP"] = "None"
	}
	annotations := object{}
	say := func(name, value string) {
		if value != "" {
			annotations["overrides.mesh/"+name] = value
		}
	}
	say("released", strings.Join(s.Settings.ReleasedVersions, ","))
	say("conditions", strings.Join(s.Settings.Conditions, ","))
	say("methods", strings.Join(s.Settings.Methods, ","))
	say("strict", string(s.Settings.Strict))
	say("version-of", s.VersionOf)
	return object{
		"apiVersion": "v1", "kind": "Service", "spec": spec,
		"metadata": object{"namespace": s.Namespace, "name": s.Name, "annotations": annotations},
	}
}

func deployment(namespace string, b *model.Backend) object {
	selector := b.Selector
	if selector == nil {
		selector = map[string]string{"workload": b.Workload.Name}
	}
	meta := object{"namespace": namespace, "name": b.Workload.Name}
	if !b.Created.IsZero() {
		meta["creationTimestamp"] = b.Created.Format(time.RFC3339)
	}
	return object{
		"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
		"spec": object{
			"replicas": max(b.Pods, 1),
			"selector": object{"matchLabels": selector},
			"template": object{"metadata": object{"labels": b.Labels}},
		},
	}
}
