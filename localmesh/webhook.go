package localmesh

import (
	"context"
	_ "embed" // a manifest
	"fmt"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/localmesh/controlplane"
)

//go:embed bad.yaml
var bad []byte

// webhookName is the name of Istio's validating webhook.
const webhookName = "validation.istio.io"

var virtualServices = schema.GroupVersionResource{Group: "networking.istio.io", Version: "v1", Resource: "virtualservices"}

// Validates reports whether Istio's webhook is in force: whether it rejects an invalid
// VirtualService. Even if that is accepted, it is not stored.
func (m *Mesh) Validates(ctx context.Context) (bool, error) {
	objects, err := controlplane.Decode(bad)
	if err != nil {
		return false, fmt.Errorf("read bad.yaml: %w", err)
	}
	client, err := dynamic.NewForConfig(m.Config)
	if err != nil {
		return false, fmt.Errorf("make a client: %w", err)
	}
	resource := client.Resource(virtualServices).Namespace(metav1.NamespaceDefault)
	_, err = resource.Create(ctx, objects[0], metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
	switch {
	case err == nil:
		return false, nil
	case strings.Contains(err.Error(), webhookName):
		return true, nil // it has no other mark than its text
	}
	return false, fmt.Errorf("try a bad VirtualService: %w", err)
}

// awaitWebhook waits until Istio's webhook is in force. istiod accepts everything until
// it has seen that its own webhook works.
func (m *Mesh) awaitWebhook(ctx context.Context) error {
	err := wait.PollUntilContextTimeout(ctx, pollInterval, settleTimeout, true, m.Validates)
	if err != nil {
		return fmt.Errorf("wait for Istio's webhook: %w", err)
	}
	return nil
}
