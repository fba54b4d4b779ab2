package apply

import (
	"context"
	"encoding/json"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
	"github.com/overrides-mesh/overrides/internal/diag"
)

const istioGroup = "networking.istio.io"

// Resources are those of the kinds of which something is written.
var Resources = map[string]schema.GroupVersionResource{
	"VirtualService":  {Group: istioGroup, Version: "v1", Resource: "virtualservices"},
	"DestinationRule": {Group: istioGroup, Version: "v1", Resource: "destinationrules"},
	"OverridePolicy":  {Group: v1alpha1.GroupName, Version: "v1alpha1", Resource: "overridepolicies"},
	"Pod":             {Version: "v1", Resource: "pods"},
}

// Status applies what is to be ours of the status of an object, as JSON; nil gives up
// all that was. What has come in the object's place is left as it is: the answer is a
// conflict then, and not found where nothing has.
func Status(ctx context.Context, objects dynamic.Interface, object diag.Object, uid types.UID, status any) error {
	resource := Resources[object.Kind]
	body := map[string]any{
		"apiVersion": resource.GroupVersion().String(), "kind": object.Kind,
		"metadata": map[string]any{"namespace": object.Namespace, "name": object.Name, "uid": uid},
	}
	if status != nil {
		body["status"] = status
	}
	text, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the status of %s: %w", object, err)
	}
	no := false
	_, err = objects.Resource(resource).Namespace(object.Namespace).Patch(ctx, object.Name, types.ApplyPatchType, text,
		metav1.PatchOptions{FieldManager: Manager, Force: &no}, "status")
	return err
}
