package conform

import (
	"bytes"
	"errors"
	"fmt"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"
)

// Adapt returns the documents of a manifest of the corpus, or only those with name if
// that is not empty, in a namespace, where full names of hosts lead too; the sample
// replaces the programs of Deployments, whose images are not run.
func Adapt(manifest []byte, name, namespace string) ([]byte, error) {
	var out []byte
	for document := range bytes.SplitSeq(manifest, []byte("\n---")) {
		var head struct {
			Kind     string            `json:"kind"`
			Metadata metav1.ObjectMeta `json:"metadata"`
		}
		if err := yaml.Unmarshal(document, &head); err != nil {
			return nil, fmt.Errorf("read manifest: %w", err)
		}
		if head.Kind == "" || (name != "" && head.Metadata.Name != name) {
			continue
		}
		data, err := adapt(document, head.Kind, namespace)
		if err != nil {
			return nil, fmt.Errorf("adapt %s %s: %w", head.Kind, head.Metadata.Name, err)
		}
		out = append(append(out, "---\n"...), data...)
	}
	return out, nil
}

func adapt(document []byte, kind, namespace string) ([]byte, error) {
	if kind == "Deployment" {
		var d appsv1.Deployment
		if err := yaml.Unmarshal(document, &d); err != nil {
			return nil, err
		}
		d.Namespace = namespace
		playedBySample(&d)
		return yaml.Marshal(&d)
	}
	var object map[string]any
	if err := yaml.Unmarshal(document, &object); err != nil {
		return nil, err
	}
	metadata, ok := object["metadata"].(map[string]any)
	if !ok {
		return nil, errors.New("it has no metadata")
	}
	metadata["namespace"] = namespace
	data, err := yaml.Marshal(object)
	return bytes.ReplaceAll(data, []byte(".default.svc."), []byte("."+namespace+".svc.")), err
}

// playedBySample makes containers run the sample, on the port that they declare, without
// probes, which the sample would not answer.
func playedBySample(d *appsv1.Deployment) {
	spec := &d.Spec.Template.Spec
	for i := range spec.Containers {
		c := &spec.Containers[i]
		port := int32(defaultPort)
		if len(c.Ports) > 0 {
			port = c.Ports[0].ContainerPort
		}
		*c = corev1.Container{
			Name: c.Name, Image: Image, Ports: c.Ports,
			Env: sampleEnv(d.Namespace+"/"+d.Name, port), StartupProbe: probe(port, 1),
		}
	}
	spec.Volumes, spec.SecurityContext = nil, nil
	// Injection would redirect them to a program beside the proxy, which doesn't exist
	// here.
	delete(d.Spec.Template.Annotations, "sidecar.istio.io/rewriteAppHTTPProbers")
}
