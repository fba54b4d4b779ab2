package validate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/hashicorp/go-multierror"
	"istio.io/istio/pilot/pkg/config/kube/crd"
	istiocrd "istio.io/istio/pkg/config/crd"
	"istio.io/istio/pkg/config/schema/collections"
	"istio.io/istio/pkg/config/schema/resource"
	"istio.io/istio/pkg/test/env"
	metavalidation "k8s.io/apimachinery/pkg/api/validation"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/test/istio/manifest"
)

// Report is the result of validating some documents.
type Report struct {
	// Objects is the number of validated objects.
	Objects int
	// Errors are reasons to reject an object.
	Errors []error
	// Warnings do not keep an object out of a cluster.
	Warnings []error
}

// schemas compiles Istio's CustomResourceDefinitions, which takes a second.
var schemas = sync.OnceValues(func() (*istiocrd.Validator, error) {
	file := filepath.Join(env.IstioSrc, "manifests", "charts", "base", "files", "crd-all.gen.yaml")
	if _, err := os.Stat(file); err != nil {
		return nil, fmt.Errorf("find Istio's CustomResourceDefinitions: %w", err)
	}
	return newValidator(file)
})

// Objects validates every object in the YAML documents of data, including items of Lists.
// Each of the report's errors and warnings names its object. The returned error means
// that Istio's schemas are missing.
func Objects(data []byte) (Report, error) {
	validator, err := schemas()
	if err != nil {
		return Report{}, err
	}
	var report Report
	objects, err := manifest.Split(data)
	if err != nil {
		report.Errors = append(report.Errors, err)
	}
	for _, object := range objects {
		report.Objects++
		errs, warnings := validateObject(validator, object)
		for _, err := range errs {
			report.Errors = append(report.Errors, fmt.Errorf("%s: %w", object, err))
		}
		for _, err := range warnings {
			report.Warnings = append(report.Warnings, fmt.Errorf("%s: %w", object, err))
		}
	}
	return report, nil
}

// validateObject runs all checks of an API server and Istio's webhook, even if an earlier
// one fails.
func validateObject(validator *istiocrd.Validator, object manifest.Object) (errs, warnings []error) {
	gvk := object.GroupVersionKind()
	if gvk.Group == model.GatewayAPIGroup {
		return nil, nil // Istio has no webhook for it; test/operator asks a real API server
	}
	schema, ok := collections.All.FindByGroupVersionAliasesKind(resource.FromKubernetesGVK(&gvk))
	if !ok || !strings.HasSuffix(gvk.Group, ".istio.io") {
		return []error{errors.New("not a kind of Istio's")}, nil
	}
	content, err := decode(object.YAML)
	if err != nil {
		return []error{err}, nil
	}
	for _, err := range validateMetadata(content) {
		errs = append(errs, err)
	}
	if err := validator.ValidateCustomResource(content); err != nil {
		errs = append(errs, fmt.Errorf("schema: %w", err))
	}

	var kind crd.IstioKind
	if err := yaml.UnmarshalStrict(object.YAML, &kind); err != nil {
		return append(errs, err), nil
	}
	config, err := crd.ConvertObject(schema, &kind, "cluster.local")
	if err != nil {
		return append(errs, fmt.Errorf("convert: %w", err)), nil
	}
	warning, err := schema.ValidateConfig(*config)
	return append(errs, split("webhook", err)...), split("webhook", warning)
}

// decode reads an object as an API server does: it rejects duplicate keys, and keeps
// whole numbers as integers, as the schemas require.
func decode(document []byte) (*unstructured.Unstructured, error) {
	text, err := yaml.YAMLToJSONStrict(document)
	if err != nil {
		return nil, err
	}
	var content unstructured.Unstructured
	return &content, content.UnmarshalJSON(text)
}

// validateMetadata checks names, labels and annotations as an API server does.
func validateMetadata(object metav1.Object) field.ErrorList {
	return metavalidation.ValidateObjectMetaAccessor(object, true, metavalidation.NameIsDNSSubdomain, field.NewPath("metadata"))
}

// split returns the parts of err, each prefixed with what.
func split(what string, err error) []error {
	if err == nil {
		return nil
	}
	parts := []error{err}
	if many := (*multierror.Error)(nil); errors.As(err, &many) {
		parts = many.WrappedErrors()
	}
	out := make([]error, 0, len(parts))
	for _, part := range parts {
		out = append(out, fmt.Errorf("%s: %w", what, part))
	}
	return out
}
