package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// ErrStale means that an object has changed since it was last observed.
var ErrStale = errors.New("the object has changed since it was read")

// Client writes objects.
type Client struct {
	// TakeOver allows writing and deleting objects that others have applied too. It must
	// be set before the first step.
	TakeOver bool

	objects  dynamic.Interface
	instance string
	dryRun   []string
}

// New returns a client for the cluster of config that writes for an installation, or for
// one without a name. In a dry run, the API server checks everything and stores nothing.
func New(config *rest.Config, instance string, dryRun bool) (*Client, error) {
	objects, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client: %w", err)
	}
	c := &Client{objects: objects, instance: instance}
	if dryRun {
		c.dryRun = []string{metav1.DryRunAll}
	}
	return c, nil
}

// Do takes a step. seen is the object as last observed; nil if there was none. It returns
// the present object, nil after a deletion.
func (c *Client) Do(ctx context.Context, step plan.Step, seen *Seen) (*Seen, error) {
	object := step.Object.Object
	kind := Resources[object.Kind]
	if !IsWritten(schema.GroupKind{Group: kind.Group, Kind: object.Kind}) {
		return nil, fmt.Errorf("write %s: not a kind that is written", object)
	}
	if err := foreign(step, seen, c.instance); err != nil {
		return nil, err
	}
	resource := c.objects.Resource(kind).Namespace(object.Namespace)
	if step.Action == plan.Delete {
		if seen != nil && seen.NotOurs != "" && !c.TakeOver {
			return nil, &Refusal{Step: step, Code: diag.FieldConflict, Message: "no longer needed, but not deleted: " + seen.NotOurs}
		}
		return nil, explain(step, c.remove(ctx, resource, object, seen))
	}
	if step.Action == plan.Create {
		// Apply would merge the object into whatever exists by now.
		if _, err := resource.Get(ctx, object.Name, metav1.GetOptions{}); err == nil {
			return nil, explain(step, ErrStale)
		} else if !apierrors.IsNotFound(err) {
			return nil, explain(step, err)
		}
		seen = nil
	} else if seen == nil {
		return nil, explain(step, ErrStale)
	}
	body, err := precise(step.Object, seen, c.instance)
	if err != nil {
		return nil, explain(step, err)
	}
	written, err := resource.Patch(ctx, object.Name, types.ApplyPatchType, body,
		metav1.PatchOptions{FieldManager: Manager, Force: &c.TakeOver, DryRun: c.dryRun, FieldValidation: metav1.FieldValidationStrict})
	if err != nil {
		return nil, explain(step, err)
	}
	return Read(written)
}

func (c *Client) remove(ctx context.Context, resource dynamic.ResourceInterface, object diag.Object, seen *Seen) error {
	if seen == nil {
		return nil
	}
	err := resource.Delete(ctx, object.Name, metav1.DeleteOptions{
		Preconditions: &metav1.Preconditions{UID: &seen.UID, ResourceVersion: &seen.ResourceVersion}, DryRun: c.dryRun,
	})
	if apierrors.IsNotFound(err) {
		return nil
	}
	return err
}

// precise returns an object to apply that only fits the observed one, with the name of
// the installation.
func precise(object istio.Object, seen *Seen, instance string) ([]byte, error) {
	if seen == nil && instance == "" {
		return object.JSON, nil
	}
	var body map[string]any
	if err := json.Unmarshal(object.JSON, &body); err != nil {
		return nil, err
	}
	metadata, ok := body["metadata"].(map[string]any)
	if !ok {
		return nil, errors.New("it has no metadata")
	}
	if seen != nil {
		metadata["uid"], metadata["resourceVersion"] = seen.UID, seen.ResourceVersion
	}
	if instance != "" {
		annotations, _ := metadata["annotations"].(map[string]any)
		if annotations == nil {
			annotations = map[string]any{}
		}
		annotations[istio.InstanceAnnotation] = instance
		metadata["annotations"] = annotations
	}
	return json.Marshal(body)
}
