package controlplane

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/dynamic"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/localmesh/program"
)

// fieldManager is the field manager of objects that are applied here.
const fieldManager = "localmesh"

var crdResource = schema.GroupVersionResource{Group: "apiextensions.k8s.io", Version: "v1", Resource: "customresourcedefinitions"}

// IstioCRDs returns the path of the file with Istio's CustomResourceDefinitions in its Go
// module, which it downloads if necessary.
func IstioCRDs(ctx context.Context) (string, error) {
	dir, err := program.Source(ctx, program.Istio(), "istio.io/istio")
	if err != nil {
		return "", err
	}
	return filepath.Join(dir, "manifests", "charts", "base", "files", "crd-all.gen.yaml"), nil
}

// GatewayCRDs returns the paths of the files with the standard CustomResourceDefinitions of the
// Gateway API that Istio is built with.
func GatewayCRDs(ctx context.Context) ([]string, error) {
	dir, err := program.Source(ctx, program.Istio(), "sigs.k8s.io/gateway-api")
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob(filepath.Join(dir, "config", "crd", "standard", "*.yaml"))
	// This one is a policy about definitions.
	return slices.DeleteFunc(files, func(file string) bool { return strings.HasSuffix(file, "vap_safeupgrades.yaml") }), err
}

// InstallCRDs applies the CustomResourceDefinitions in files and returns when objects of
// all kinds are accepted.
func (p *Plane) InstallCRDs(ctx context.Context, files ...string) error {
	client, err := dynamic.NewForConfig(p.Config)
	if err != nil {
		return fmt.Errorf("make a client: %w", err)
	}
	crds := client.Resource(crdResource)
	var names []string
	for _, file := range files {
		objects, err := readFile(file)
		if err != nil {
			return err
		}
		for _, object := range objects {
			if object.GetKind() != "CustomResourceDefinition" {
				continue
			}
			options := metav1.ApplyOptions{FieldManager: fieldManager, Force: true}
			if _, err := crds.Apply(ctx, object.GetName(), object, options); err != nil {
				return fmt.Errorf("apply %s: %w", object.GetName(), err)
			}
			names = append(names, object.GetName())
		}
	}
	for _, name := range names {
		if err := waitEstablished(ctx, crds, name); err != nil {
			return fmt.Errorf("wait for %s: %w", name, err)
		}
	}
	return nil
}

func waitEstablished(ctx context.Context, crds dynamic.ResourceInterface, name string) error {
	return wait.PollUntilContextTimeout(ctx, 50*time.Millisecond, readyTimeout, true, func(ctx context.Context) (bool, error) {
		object, err := crds.Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return false, err
		}
		// There are no conditions before the API server has processed it.
		conditions, _, _ := unstructured.NestedSlice(object.Object, "status", "conditions")
		for _, condition := range conditions {
			fields, ok := condition.(map[string]any)
			if ok && fields["type"] == "Established" && fields["status"] == "True" {
				return true, nil
			}
		}
		return false, nil
	})
}

// readFile reads the YAML documents of file.
func readFile(file string) ([]*unstructured.Unstructured, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	objects, err := Decode(data)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", file, err)
	}
	return objects, nil
}

// Decode reads the YAML documents of a manifest.
func Decode(manifest []byte) ([]*unstructured.Unstructured, error) {
	var objects []*unstructured.Unstructured
	reader := utilyaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(manifest)))
	for n := 1; ; n++ {
		document, err := reader.Read()
		if errors.Is(err, io.EOF) {
			return objects, nil
		}
		if err != nil {
			return nil, err
		}
		object := &unstructured.Unstructured{}
		if err := yaml.Unmarshal(document, &object.Object); err != nil {
			return nil, fmt.Errorf("document %d: %w", n, err)
		}
		if len(object.Object) > 0 {
			objects = append(objects, object)
		}
	}
}
