package variant

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

	"github.com/overrides-mesh/overrides/localmesh"
	"github.com/overrides-mesh/overrides/localmesh/port"
)

// Gate installs the webhook of the readiness gate from the manifest, with its Secret in a
// namespace, and returns the operator's flags. The API server calls the webhook by URL.
func Gate(ctx context.Context, mesh *localmesh.Mesh, manifest, namespace string) ([]string, error) {
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
