package soak

import (
	"context"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/gate"
)

// awaitGate waits until a preview would be created with a gate.
func (s *Soak) awaitGate(ctx context.Context) error {
	return poll(ctx, "previews get a gate", func() (bool, error) {
		pod, err := s.mesh.Kubernetes().CoreV1().Pods(namespace).Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-", Labels: map[string]string{"app": "stock", "version": "probe"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "sample", Image: "sample"}}},
		}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil && gate.Has(pod), nil
	})
}
