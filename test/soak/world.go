package soak

import (
	_ "embed" // the Services
	"time"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

//go:embed world.yaml
var worldManifest []byte

// namespace is the namespace of all objects of the soak.
const namespace = "soak"

// service is a Service of the world.
type service struct {
	name string
	// next is the URL that it calls, if any.
	next string
	// through are the Services through which requests reach it: itself first.
	through []string
	// released are the permanent workloads and their versions.
	released []released
	// rate is the rate of ordinary requests per second, to the Service itself.
	rate float64
	// pinned says that it has permanent previews, sidecar that its released workload has
	// a sidecar though it calls no Service.
	pinned, sidecar bool
	// divided says that the user's routes divide ordinary requests among all of released;
	// otherwise only the first is released at first.
	divided bool
}

type released struct{ workload, version string }

// atFirst are the versions that are released when the soak begins.
func (s *service) atFirst() []string {
	var all []string
	for _, r := range s.released {
		all = append(all, r.version)
	}
	if !s.divided {
		return all[:1]
	}
	return all
}

// services of the world, in the order in which they call one another.
func services() []service {
	return []service{
		{name: "front", next: "http://cart/", through: []string{"front"}, released: []released{{"front-v1", "v1"}}, rate: 15},
		{name: "cart", next: "http://stock/", through: []string{"cart", "front"}, released: []released{{"cart-v1", "v1"}}, rate: 15},
		{name: "stock", through: []string{"stock", "cart", "front"}, sidecar: true, released: []released{{"stock-v1", "v1"}}, rate: 20},
		{name: "pay", through: []string{"pay"}, released: []released{{"pay-v1", "v1"}, {"pay-v2", "v2"}}, rate: 20, pinned: true},
		{name: "ship", through: []string{"ship"}, released: []released{{"ship", "r1"}}, rate: 10},
		{name: "search", through: []string{"search"}, released: []released{{"search-v1", "v1"}}, rate: 10},
		{name: "deal", through: []string{"deal"}, released: []released{{"deal-v1", "v1"}, {"deal-v2", "v2"}}, rate: 10, divided: true},
	}
}

func serviceOf(name string) *service {
	for _, s := range services() {
		if s.name == name {
			return &s
		}
	}
	return nil
}

const (
	// drain is how long a terminating pod still serves: longer than proxies take to learn
	// about it on a busy machine.
	drain = 4 * time.Second
	// period is the shortest possible period of readiness probes.
	period = 1
)

// workload describes a Deployment.
type workload struct {
	service, name, version string
	replicas               int32
	// startup is the time until a pod is ready.
	startup time.Duration
	// sidecar says that its pods have one. Those of a Service that calls another always
	// do.
	sidecar bool
}

// deployment returns w as an object.
func (w *workload) deployment() *appsv1.Deployment {
	s := serviceOf(w.service)
	labels := map[string]string{"app": w.service, "version": w.version, "workload": w.name}
	if !w.sidecar && s.next == "" {
		labels["sidecar.istio.io/inject"] = "false"
	}
	surge, unavailable := intstr.FromInt32(1), intstr.FromInt32(0)
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: w.name, Namespace: namespace},
		Spec: appsv1.DeploymentSpec{
			Replicas: &w.replicas,
			Selector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": w.service, "workload": w.name}},
			Strategy: appsv1.DeploymentStrategy{
				Type:          appsv1.RollingUpdateDeploymentStrategyType,
				RollingUpdate: &appsv1.RollingUpdateDeployment{MaxSurge: &surge, MaxUnavailable: &unavailable},
			},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec:       corev1.PodSpec{Containers: []corev1.Container{w.container(s.next)}},
			},
		},
	}
}

func (w *workload) container(next string) corev1.Container {
	field := func(path string) *corev1.EnvVarSource {
		return &corev1.EnvVarSource{FieldRef: &corev1.ObjectFieldSelector{FieldPath: path}}
	}
	return corev1.Container{
		Name: "sample", Image: "sample",
		Env: []corev1.EnvVar{
			{Name: "NAME", Value: w.service},
			{Name: "VERSION", ValueFrom: field("metadata.labels['version']")},
			{Name: "POD_NAME", ValueFrom: field("metadata.name")},
			{Name: "NEXT", Value: next},
			{Name: "READY_AFTER", Value: w.startup.String()},
			{Name: "DRAIN", Value: drain.String()},
			{Name: "CONTROL", Value: "true"},
		},
		Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
		ReadinessProbe: &corev1.Probe{
			ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromString("http")}},
			// A probe that is late on a busy machine does not make a pod unready.
			PeriodSeconds: period, FailureThreshold: 1, TimeoutSeconds: 20,
		},
	}
}

// client is the pod that sends requests.
func client() *appsv1.Deployment {
	labels := map[string]string{"app": "client"}
	return &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "client", Namespace: namespace},
		Spec: appsv1.DeploymentSpec{
			Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{
				ObjectMeta: metav1.ObjectMeta{Labels: labels},
				Spec: corev1.PodSpec{Containers: []corev1.Container{{
					Name: "sample", Image: "sample", Env: []corev1.EnvVar{{Name: "MODE", Value: "echo"}},
				}}},
			},
		},
	}
}
