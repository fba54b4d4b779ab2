package conform

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"
)

// Image is the image of all workloads.
const Image = "sample"

// Manifests are the manifests of a world, in the order of application.
type Manifests struct {
	Namespaces []byte
	// First has Services and Deployments, Later the Deployments that are created when
	// those are ready.
	First, Later []byte
	// Users are a user's objects.
	Users []byte
}

// Manifests returns the manifests of w.
func (w *World) Manifests() (m Manifests, err error) {
	add := func(to *[]byte, object any) {
		data, failure := yaml.Marshal(object)
		if failure != nil && err == nil {
			err = fmt.Errorf("write the manifests of %s: %w", w.Name, failure)
		}
		*to = append(append(*to, "---\n"...), data...)
	}
	for _, n := range w.Namespaces {
		add(&m.Namespaces, &corev1.Namespace{
			TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Namespace"},
			ObjectMeta: metav1.ObjectMeta{Name: n, Labels: injection(w.Revisions[n])},
		})
	}
	for i := range w.Services {
		if len(w.Corpus) > 0 {
			break
		}
		add(&m.First, w.manifest(&w.Services[i]))
	}
	for i := range w.Workloads {
		switch l := &w.Workloads[i]; {
		case l.Corpus, l.Shared && len(w.Services) > 0:
		case l.Later:
			add(&m.Later, l.manifest())
		default:
			add(&m.First, l.manifest())
		}
	}
	for _, file := range slices.Sorted(maps.Keys(w.Objects)) {
		m.Users = append(append(m.Users, "---\n"...), w.Objects[file]...)
	}
	return m, err
}

// injection returns the labels by which a namespace gets sidecars of a revision.
func injection(revision string) map[string]string {
	if revision == "" {
		return map[string]string{"istio-injection": "enabled"}
	}
	return map[string]string{"istio.io/rev": revision}
}

func (w *World) manifest(s *Service) *corev1.Service {
	out := &corev1.Service{
		TypeMeta:   metav1.TypeMeta{APIVersion: "v1", Kind: "Service"},
		ObjectMeta: metav1.ObjectMeta{Namespace: s.Namespace, Name: s.Name, Annotations: s.Annotations},
		Spec:       corev1.ServiceSpec{Selector: s.Selector},
	}
	for _, p := range s.Ports {
		out.Spec.Ports = append(out.Spec.Ports, corev1.ServicePort{
			Name: p.Name, Port: int32(p.Number), TargetPort: intstr.FromInt32(int32(p.Target)), //nolint:gosec // ports
		})
	}
	if stands, err := w.Service(s.Alias); err == nil && s.Alias != "" {
		out.Spec.Type, out.Spec.ExternalName, out.Spec.Selector = corev1.ServiceTypeExternalName, stands.FQDN(), nil
	}
	return out
}

// manifest gives the pods a container for each port, so that the answer identifies the
// port. Servers have no sidecar: the caller's sidecar routes.
func (l *Workload) manifest() *appsv1.Deployment {
	pod := maps.Clone(l.Labels)
	if !l.Caller || l.Shared { // whose namespace may ask for no sidecars
		pod["sidecar.istio.io/inject"] = strconv.FormatBool(l.Caller)
	}
	out := &appsv1.Deployment{
		TypeMeta:   metav1.TypeMeta{APIVersion: "apps/v1", Kind: "Deployment"},
		ObjectMeta: metav1.ObjectMeta{Namespace: l.Namespace, Name: l.Name, Labels: l.Labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &l.Replicas,
			Selector: &metav1.LabelSelector{MatchLabels: l.Labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: pod}},
		},
	}
	for _, port := range l.Ports {
		out.Spec.Template.Spec.Containers = append(out.Spec.Template.Spec.Containers, l.container(port))
	}
	return out
}

func (l *Workload) container(port uint32) corev1.Container {
	number := int32(port) //nolint:gosec // a port
	out := corev1.Container{
		Name: fmt.Sprintf("port-%d", port), Image: Image,
		Ports: []corev1.ContainerPort{{ContainerPort: number}},
		Env:   sampleEnv(l.ID(), number),
		// Probed often until it serves, and rarely after that.
		StartupProbe: probe(number, 1), ReadinessProbe: probe(number, 60),
	}
	for _, name := range slices.Sorted(maps.Keys(l.Env)) {
		out.Env = append(out.Env, corev1.EnvVar{Name: name, Value: l.Env[name]})
	}
	return out
}

func probe(port, seconds int32) *corev1.Probe {
	return &corev1.Probe{
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(port)}},
		PeriodSeconds: seconds, FailureThreshold: 60,
	}
}

// sampleEnv makes the sample answer with the name of its workload and, as its version,
// the port that it listens on.
func sampleEnv(id string, port int32) []corev1.EnvVar {
	return []corev1.EnvVar{
		{Name: "NAME", Value: id},
		{Name: "VERSION", Value: fmt.Sprint(port)},
		{Name: "PORT", Value: fmt.Sprint(port)},
		{Name: "MODE", Value: "echo"},
		{Name: "POD_NAME", ValueFrom: &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: "metadata.name"}}},
	}
}

// ID is the name of l in its pods' answers.
func (l *Workload) ID() string { return l.Namespace + "/" + l.Name }
