// Package manifest splits YAML into Kubernetes objects for the packages beside it. It
// reads only its input, and keeps each object's original YAML, so that strict decoders
// see duplicate keys.
package manifest

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/yaml"
)

// Object is one object of a stream.
type Object struct {
	APIVersion string `json:"apiVersion"`
	Kind       string `json:"kind"`
	Metadata   struct {
		Name      string            `json:"name"`
		Namespace string            `json:"namespace"`
		Labels    map[string]string `json:"labels"`
	} `json:"metadata"`
	// Items are the objects of a List, nil for other kinds.
	Items []json.RawMessage `json:"items"`
	// YAML is the object itself.
	YAML []byte `json:"-"`
}

// String returns "Kind namespace/name".
func (o Object) String() string {
	return fmt.Sprintf("%s %s/%s", o.Kind, o.Metadata.Namespace, o.Metadata.Name)
}

// GroupVersionKind returns the type of o.
func (o Object) GroupVersionKind() schema.GroupVersionKind {
	return schema.FromAPIVersionAndKind(o.APIVersion, o.Kind)
}

// Split returns the objects of all documents in data, in order; the items of a List
// replace it. It skips empty documents. The error names documents that can't be read;
// Split still returns the others.
func Split(data []byte) ([]Object, error) {
	var objects []Object
	var errs []error
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for n := 1; ; n++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, errors.Join(errs...)
		}
		if err != nil {
			return objects, errors.Join(append(errs, err)...)
		}
		found, err := expand(document)
		if err != nil {
			errs = append(errs, fmt.Errorf("document %d: %w", n, err))
		}
		objects = append(objects, found...)
	}
}

func expand(document []byte) ([]Object, error) {
	var object *Object
	if err := yaml.Unmarshal(document, &object); err != nil {
		return nil, err
	}
	if object == nil {
		return nil, nil
	}
	if object.Kind == "" || object.APIVersion == "" {
		return nil, errors.New("no apiVersion or kind")
	}
	if object.Kind != "List" {
		object.YAML = document
		return []Object{*object}, nil
	}
	var objects []Object
	for _, item := range object.Items {
		found, err := expand(item)
		if err != nil {
			return nil, err
		}
		objects = append(objects, found...)
	}
	return objects, nil
}
