package workload

import (
	"bufio"
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Workload creates pods: a Deployment, StatefulSet, DaemonSet, ReplicaSet, Rollout, or a
// bare Pod.
type Workload struct {
	Namespace, Kind, Name string
	Labels                map[string]string
	// Replicas is the wanted number of pods.
	Replicas int

	containers []corev1.Container
}

// String returns "namespace/name", which identifies it for people.
func (w *Workload) String() string { return w.Namespace + "/" + w.Name }

// Key identifies a workload.
func (w *Workload) Key() string { return w.Namespace + "/" + w.Kind + "/" + w.Name }

// Revision is a hash of the pod template: pods of another revision are other pods.
func (w *Workload) Revision() string {
	text, err := json.Marshal(struct {
		Labels     map[string]string
		Containers []corev1.Container
	}{w.Labels, w.containers})
	if err != nil {
		return "" // these types can always be encoded
	}
	const length = 5
	sum := sha256.Sum256(text)
	return hex.EncodeToString(sum[:length])
}

// manifest holds the fields that are read of any object.
type manifest struct {
	APIVersion string            `json:"apiVersion"`
	Kind       string            `json:"kind"`
	Metadata   metav1.ObjectMeta `json:"metadata"`
	Spec       json.RawMessage   `json:"spec"`
	Items      []json.RawMessage `json:"items"`
}

// spec holds the fields that all workloads' specs share.
type spec struct {
	Replicas    *int                   `json:"replicas"`
	Template    corev1.PodTemplateSpec `json:"template"`
	WorkloadRef *struct {
		Kind string `json:"kind"`
		Name string `json:"name"`
	} `json:"workloadRef"`
}

// Parse reads the workloads of a stream of documents. Objects without a namespace are in
// defaultNamespace; if one occurs twice, the last counts.
func Parse(manifests []byte, defaultNamespace string) []Workload {
	r := reader{namespace: defaultNamespace, found: map[string]Workload{}, lent: map[string]string{}}
	documents := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifests)))
	for {
		text, err := documents.Read()
		if err != nil {
			break // reading from memory fails in no other way
		}
		if data, err := yaml.YAMLToJSON(text); err == nil {
			r.read(data, 0)
		}
	}
	return r.workloads()
}

type reader struct {
	namespace string
	found     map[string]Workload
	// lent maps the keys of Deployments that only lend their template to a Rollout to the
	// Rollout's key.
	lent map[string]string
}

// maxDepth bounds lists of lists.
const maxDepth = 8

func (r *reader) read(data []byte, depth int) {
	var m manifest
	if json.Unmarshal(data, &m) != nil || depth > maxDepth {
		return
	}
	for _, item := range m.Items {
		r.read(item, depth+1)
	}
	w := Workload{Namespace: cmp.Or(m.Metadata.Namespace, r.namespace), Kind: m.Kind, Name: m.Metadata.Name, Replicas: 1}
	switch m.Kind {
	case "Deployment", "StatefulSet", "DaemonSet", "ReplicaSet", "Rollout":
		r.template(w, &m)
	case "Pod":
		var pod corev1.PodSpec
		if json.Unmarshal(m.Spec, &pod) == nil && metav1.GetControllerOfNoCopy(&m.Metadata) == nil {
			w.Labels, w.containers = m.Metadata.Labels, pod.Containers
			r.found[w.Key()] = w
		}
	}
}

func (r *reader) template(w Workload, m *manifest) {
	var s spec
	if json.Unmarshal(m.Spec, &s) != nil || metav1.GetControllerOfNoCopy(&m.Metadata) != nil {
		return
	}
	if s.Replicas != nil && m.Kind != "DaemonSet" {
		w.Replicas = *s.Replicas
	}
	w.Labels, w.containers = s.Template.Labels, s.Template.Spec.Containers
	r.found[w.Key()] = w
	if s.WorkloadRef != nil && s.WorkloadRef.Kind == "Deployment" {
		lender := Workload{Namespace: w.Namespace, Kind: "Deployment", Name: s.WorkloadRef.Name}
		r.lent[lender.Key()] = w.Key()
	}
}

// workloads lists the workloads found, sorted by key.
func (r *reader) workloads() []Workload {
	for lender, borrower := range r.lent {
		w := r.found[borrower]
		w.Labels, w.containers = r.found[lender].Labels, r.found[lender].containers
		r.found[borrower] = w
		delete(r.found, lender)
	}
	var out []Workload
	for _, w := range r.found {
		out = append(out, w)
	}
	slices.SortFunc(out, func(a, b Workload) int { return cmp.Compare(a.Key(), b.Key()) })
	return out
}

// Pod names the i-th pod of w.
func (w *Workload) Pod(i int) string {
	if w.Kind == "Pod" {
		return w.Name
	}
	return fmt.Sprintf("%s-%d", w.Name, i)
}
