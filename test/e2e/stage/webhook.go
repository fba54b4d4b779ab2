package stage

import (
	"context"
	_ "embed" // a manifest
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"
)

//go:embed bad.yaml
var bad []byte

// webhookName is that of Istio's validation.
const webhookName = "validation.istio.io"

var virtualServices = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}

// Validates reports whether Istio's webhook is in force: whether it refuses a bad
// VirtualService. That is not kept even where it is accepted.
func (m *Mesh) Validates(ctx context.Context) (bool, error) {
	object := &unstructured.Unstructured{}
	if err := yaml.Unmarshal(bad, &object.Object); err != nil {
		return false, fmt.Errorf("read bad.yaml: %w", err)
	}
	client, err := dynamic.NewForConfig(m.Config)
	if err != nil {
		return false, fmt.Errorf("make a client: %w", err)
	}
	_, err = client.Resource(virtualServices).Namespace(object.GetNamespace()).Create(ctx, object, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case err == nil:
		return false, nil
	case strings.Contains(err.Error(), webhookName):
		return true, nil // it has no other mark than its text
	}
	return false, fmt.Errorf("try a bad VirtualService: %w", err)
}

// awaitWebhook returns when Istio's webhook is in force. istiod lets everything
// pass until it has seen that its own webhook works.
func (m *Mesh) awaitWebhook(ctx context.Context) error {
	return poll(ctx, func() (string, error) {
		if validates, err := m.Validates(ctx); !validates {
			return "a bad VirtualService is accepted", err
		}
		return "", nil
	})
}
