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
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

const istioGroup = "networking.istio.io"

// RouteKinds lists the kinds that are written for tables and subsets, in the order in which
// they are: subsets before the routes that name them.
var RouteKinds = []string{"DestinationRule", istio.HTTPRouteKind, "VirtualService"}

// Resources are the resources of the kinds that are written.
var Resources = map[string]schema.GroupVersionResource{
	"VirtualService":        {Group: istioGroup, Version: "v1", Resource: "virtualservices"},
	"DestinationRule":       {Group: istioGroup, Version: "v1", Resource: "destinationrules"},
	"HTTPRoute":             {Group: model.GatewayAPIGroup, Version: "v1", Resource: "httproutes"},
	"EnvoyFilter":           {Group: istioGroup, Version: "v1alpha3", Resource: "envoyfilters"},
	"AuthorizationPolicy":   {Group: "security.istio.io", Version: "v1", Resource: "authorizationpolicies"},
	"GatewayOverridePolicy": {Group: v1alpha1.GroupName, Version: "v1alpha1", Resource: "gatewayoverridepolicies"},
	"OverrideGrant":         {Group: v1alpha1.GroupName, Version: "v1alpha1", Resource: "overridegrants"},
	"OverridePolicy":        {Group: v1alpha1.GroupName, Version: "v1alpha1", Resource: "overridepolicies"},
	"Pod":                   {Version: "v1", Resource: "pods"},
}

// Status applies the operator's fields of an object's status, as JSON; nil removes them.
// If the object was deleted, it returns "not found", or "conflict" if another object has
// its name, which it leaves alone.
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
