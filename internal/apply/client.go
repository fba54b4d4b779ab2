package apply

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/plan"
)

// ErrStale says that an object is not as it was when it was last seen.
var ErrStale = errors.New("the object has changed since it was read")

// Client writes objects.
type Client struct {
	// TakeOver has objects written and deleted that others have applied too. It is to be
	// set before the first step.
	TakeOver bool

	objects  dynamic.Interface
	instance string
	dryRun   []string
}

// New returns a client for the cluster that config leads to, which writes for an
// installation, or for one without a name. A dry run has everything checked by the API
// server and stores nothing.
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

// Do takes a step. seen is what was last seen of the object; nil for nothing. It
// returns what is there now, nil after a deletion.
func (c *Client) Do(ctx context.Context, step plan.Step, seen *Seen) (*Seen, error) {
	object := step.Object.Object
	kind, known := Resources[object.Kind]
	if !known || kind.Group != istioGroup {
		return nil, fmt.Errorf("write %s: not a kind that is written", object)
	}
	if err := foreign(step, seen, c.instance); err != nil {
		return nil, err
	}
	resource := c.objects.Resource(kind).Namespace(object.Namespace)
	if step.Action == plan.Delete {
		if seen != nil && seen.NotOurs != "" && !c.TakeOver {
			return nil, &Refusal{Step: step, Code: diag.FieldConflict, Message: "not needed any more, and not deleted: " + seen.NotOurs}
		}
		return nil, explain(step, c.remove(ctx, resource, object, seen))
	}
	if step.Action == plan.Create {
		// Apply would merge ours into whatever is there by now.
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

// precise returns an object to apply that only fits what was seen, with the name of the
// installation.
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
