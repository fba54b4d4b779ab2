package soak

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os/exec"
	"slices"
	"time"

	istionetv1 "istio.io/client-go/pkg/apis/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"

	"github.com/overrides-mesh/overrides/internal/istio"
)

// converger compares the objects in the cluster with the generator's output.
type converger struct {
	// path is the path of the real program.
	path, kubeconfig string
	objects          dynamic.Interface
	timeline         *timeline
}

// converge waits until the operator's objects in the cluster are, byte for byte, the
// output of "overrides generate". It returns the time that this took. Versions must not
// change meanwhile.
func (c *converger) converge(ctx context.Context) (time.Duration, error) {
	began := time.Now()
	var want, got []byte
	err := poll(ctx, "the cluster has the output of generate", func() (bool, error) {
		var err error
		if want, err = c.generate(ctx); err != nil {
			return false, nil //nolint:nilerr // the API server may be away
		}
		if got, err = c.present(ctx); err != nil {
			return false, nil //nolint:nilerr // the same
		}
		return bytes.Equal(want, got), nil
	})
	if err != nil {
		return 0, fmt.Errorf("%w: there is\n%s\nwant\n%s", err, got, want)
	}
	took := time.Since(began)
	c.timeline.note("", "the cluster has the output of generate, after %v", took.Round(time.Millisecond))
	return took, nil
}

// generate runs the program. It prints each document separately, in a fixed order.
func (c *converger) generate(ctx context.Context) ([]byte, error) {
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, c.path, "generate", "--kubeconfig", c.kubeconfig, "-n", namespace)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("generate: %w: %s", err, stderr.Bytes())
	}
	documents := bytes.Split(out, []byte("---\n"))
	return joined(documents), nil
}

func joined(documents [][]byte) []byte {
	documents = slices.DeleteFunc(documents, func(d []byte) bool { return len(bytes.TrimSpace(d)) == 0 })
	slices.SortFunc(documents, bytes.Compare)
	return bytes.Join(documents, []byte("---\n"))
}

// present returns the operator's existing objects, as generate would print them.
func (c *converger) present(ctx context.Context) ([]byte, error) {
	var documents [][]byte
	for _, resource := range []schema.GroupVersionResource{destinationRules, virtualServices} {
		list, err := c.objects.Resource(resource).Namespace(namespace).List(ctx, metav1.ListOptions{LabelSelector: istio.ManagedByLabel + "=" + istio.ManagedBy})
		if err != nil {
			return nil, fmt.Errorf("list: %w", err)
		}
		for i := range list.Items {
			document, err := printed(&list.Items[i])
			if err != nil {
				return nil, err
			}
			documents = append(documents, document)
		}
	}
	return joined(documents), nil
}

// printed is an object without fields that only a server sets, whoever owns its fields,
// and without the name of its writer.
func printed(u *unstructured.Unstructured) ([]byte, error) {
	unstructured.RemoveNestedField(u.Object, "metadata", "annotations", istio.InstanceAnnotation)
	text, err := u.MarshalJSON()
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", u.GetName(), err)
	}
	var object istio.Object
	if u.GetKind() == "VirtualService" {
		var v istionetv1.VirtualService
		if err := json.Unmarshal(text, &v); err != nil {
			return nil, fmt.Errorf("decode %s: %w", u.GetName(), err)
		}
		object, err = istio.Canonical(&v.ObjectMeta, v.Kind, &v.Spec)
	} else {
		var d istionetv1.DestinationRule
		if err := json.Unmarshal(text, &d); err != nil {
			return nil, fmt.Errorf("decode %s: %w", u.GetName(), err)
		}
		object, err = istio.Canonical(&d.ObjectMeta, d.Kind, &d.Spec)
	}
	if err != nil {
		return nil, err
	}
	return object.YAML()
}
