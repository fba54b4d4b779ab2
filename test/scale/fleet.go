package scale

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/overrides-mesh/overrides/internal/operator"
)

const (
	// perNamespace is the number of Services per namespace.
	perNamespace = 50
	nodes        = 10
	// releasedPods and previewPods are the numbers of pods of the versions.
	releasedPods, previewPods = 3, 2
	// writers is the number of objects written concurrently.
	writers = 16
)

// key is the key of the nth Service.
func key(n int) appKey {
	return appKey{fmt.Sprintf("team-%d", n/perNamespace), fmt.Sprintf("service-%d", n)}
}

// load creates nodes and n Services with two versions each, and returns before their pods
// are ready.
func (c *Cluster) load(ctx context.Context, n int) error {
	for i := range nodes {
		node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: nodeName(i)}}
		if _, err := c.kube.CoreV1().Nodes().Create(ctx, node, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create node: %w", err)
		}
	}
	for i := range (n + perNamespace - 1) / perNamespace {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: key(i * perNamespace).namespace, Labels: map[string]string{operator.EnabledLabel: "true"},
		}}
		if _, err := c.kube.CoreV1().Namespaces().Create(ctx, ns, metav1.CreateOptions{}); err != nil {
			return fmt.Errorf("create namespace: %w", err)
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(writers)
	for i := range n {
		group.Go(func() error { return c.loadOne(ctx, i) })
	}
	return group.Wait()
}

func nodeName(n int) string { return fmt.Sprintf("node-%d", n%nodes) }

func (c *Cluster) loadOne(ctx context.Context, n int) error {
	k := key(n)
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Name: k.name, Labels: map[string]string{"app": k.name}},
		Spec: corev1.ServiceSpec{
			Selector: map[string]string{"app": k.name},
			Ports:    []corev1.ServicePort{{Name: "http", Port: 8080}},
		},
	}
	if _, err := c.kube.CoreV1().Services(k.namespace).Create(ctx, service, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create Service: %w", err)
	}
	if err := c.deploy(ctx, n, "v1", releasedPods); err != nil {
		return err
	}
	return c.deploy(ctx, n, "v2", previewPods)
}

// deploy creates the Deployment of a version, with an ordinary size, so that it costs as
// much as an ordinary one.
func (c *Cluster) deploy(ctx context.Context, n int, version string, pods int32) error {
	k := key(n)
	labels := map[string]string{
		"app": k.name, "version": version, "app.kubernetes.io/name": k.name, "app.kubernetes.io/part-of": k.namespace, "team": k.namespace,
	}
	selector := map[string]string{"app": k.name, "version": version}
	d := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: k.name + "-" + version, Labels: labels},
		Spec: appsv1.DeploymentSpec{
			Replicas: &pods,
			Selector: &metav1.LabelSelector{MatchLabels: selector},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: podSpec(k, version, nodeName(n))},
		},
	}
	if _, err := c.kube.AppsV1().Deployments(k.namespace).Create(ctx, d, metav1.CreateOptions{}); err != nil {
		return fmt.Errorf("create Deployment: %w", err)
	}
	return nil
}

// podSpec sets the node, since there is no scheduler.
func podSpec(k appKey, version, node string) corev1.PodSpec {
	probe := &corev1.Probe{ProbeHandler: corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}}}
	env := []corev1.EnvVar{{Name: "SERVICE", Value: k.name}, {Name: "VERSION", Value: version}, {Name: "LOG_LEVEL", Value: "info"}}
	return corev1.PodSpec{
		NodeName: node,
		Containers: []corev1.Container{
			{
				Name: "app", Image: "registry.example.com/" + k.name + ":" + version, Env: env, ReadinessProbe: probe, LivenessProbe: probe,
				Ports: []corev1.ContainerPort{{Name: "http", ContainerPort: 8080}},
			},
			{Name: "istio-proxy", Image: "registry.example.com/proxyv2", Args: []string{"proxy", "sidecar"}, Env: env, ReadinessProbe: probe},
		},
	}
}
