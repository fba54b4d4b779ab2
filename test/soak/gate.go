package soak

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"os"
	"strings"

	registrationv1 "k8s.io/api/admissionregistration/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/gate"
	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/port"
)

// gateFlags installs the webhook of the readiness gate, as the manifest has it, and
// returns what the operator has to be told of it. The API server calls it by URL.
func gateFlags(ctx context.Context, mesh *localmesh.Mesh, manifest string) ([]string, error) {
	free, err := port.Free(ctx, 1)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", free[0])
	inside, err := mesh.Expose(ctx, address)
	if err != nil {
		return nil, err
	}
	text, err := os.ReadFile(manifest)
	if err != nil {
		return nil, fmt.Errorf("read the webhook: %w", err)
	}
	documents := bytes.Split(text, []byte("---\n"))
	var config registrationv1.MutatingWebhookConfiguration
	if err := yaml.Unmarshal(documents[len(documents)-1], &config); err != nil {
		return nil, fmt.Errorf("read the webhook: %w", err)
	}
	url := "https://" + strings.Replace(inside, "127.0.0.1", "localhost", 1) + *config.Webhooks[0].ClientConfig.Service.Path
	config.Webhooks[0].ClientConfig = registrationv1.WebhookClientConfig{URL: &url}
	if _, err := mesh.Kubernetes().AdmissionregistrationV1().MutatingWebhookConfigurations().Create(ctx, &config, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("install the webhook: %w", err)
	}
	secret := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Name: "overrides-webhook"}}
	if _, err := mesh.Kubernetes().CoreV1().Secrets(namespace).Create(ctx, secret, metav1.CreateOptions{}); err != nil {
		return nil, fmt.Errorf("make the webhook's Secret: %w", err)
	}
	return []string{
		"--readiness-gate", "--webhook-bind-address", address, "--webhook-namespace", namespace,
		"--webhook-configuration", config.Name, "--webhook-host", "localhost",
	}, nil
}

// awaitGate waits until a preview would come with a gate.
func (s *Soak) awaitGate(ctx context.Context) error {
	return poll(ctx, "previews get a gate", func() (bool, error) {
		pod, err := s.mesh.Kubernetes().CoreV1().Pods(namespace).Create(ctx, &corev1.Pod{
			ObjectMeta: metav1.ObjectMeta{GenerateName: "probe-", Labels: map[string]string{"app": "stock", "version": "probe"}},
			Spec:       corev1.PodSpec{Containers: []corev1.Container{{Name: "sample", Image: "sample"}}},
		}, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		return err == nil && gate.Has(pod), nil
	})
}
