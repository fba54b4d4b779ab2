package crd

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/install"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/listtype"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/runtime"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	"sigs.k8s.io/yaml"
)

// root is the folder of the main module.
var root = filepath.Join("..", "..", "..")

// policyCRD is the file of the CRD of OverridePolicy.
var policyCRD = filepath.Join(root, "config", "crd", "overrides.mesh_overridepolicies.yaml")

// server answers like an API server that has a CRD.
type server struct {
	schema *structuralschema.Structural
	types  validation.SchemaValidator
	rules  *cel.Validator
}

// readCRD reads the CRD as the API server does: with its defaults set, and in
// the internal version too.
func readCRD(t *testing.T) (*apiextensionsv1.CustomResourceDefinition, *apiextensions.CustomResourceDefinition) {
	t.Helper()
	data, err := os.ReadFile(policyCRD)
	if err != nil {
		t.Fatal(err)
	}
	external := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(data, external); err != nil {
		t.Fatalf("decode %s: %v", policyCRD, err)
	}
	scheme := runtime.NewScheme()
	install.Install(scheme)
	scheme.Default(external)
	internal := &apiextensions.CustomResourceDefinition{}
	if err := scheme.Convert(external, internal, nil); err != nil {
		t.Fatalf("convert %s: %v", policyCRD, err)
	}
	return external, internal
}

func newServer(t *testing.T) *server {
	t.Helper()
	_, crd := readCRD(t)
	props := crd.Spec.Validation
	if props == nil {
		props = crd.Spec.Versions[0].Schema
	}
	s := &server{}
	var err error
	if s.schema, err = structuralschema.NewStructural(props.OpenAPIV3Schema); err != nil {
		t.Fatalf("the schema is not structural: %v", err)
	}
	if s.types, _, err = validation.NewSchemaValidator(props.OpenAPIV3Schema); err != nil {
		t.Fatalf("make validator: %v", err)
	}
	s.rules = cel.NewValidator(s.schema, true, celconfig.PerCallLimit)
	return s
}

// create returns the object as it would be stored, and its errors. The steps are those of
// the API server for a strict request, as kubectl makes it.
func (s *server) create(t *testing.T, object map[string]any) (map[string]any, []string) {
	t.Helper()
	object = runtime.DeepCopyJSON(object)
	var wrong []string
	unknown := pruning.PruneWithOptions(object, s.schema, true,
		structuralschema.UnknownFieldPathOptions{TrackUnknownFieldPaths: true})
	for _, path := range unknown {
		wrong = append(wrong, fmt.Sprintf("unknown field %q", path))
	}
	defaulting.Default(object, s.schema)
	errs := validation.ValidateCustomResource(nil, object, s.types)
	errs = append(errs, listtype.ValidateListSetsAndMaps(nil, s.schema, object)...)
	if len(errs) == 0 {
		// The API server sometimes evaluates the rules even if the schema is violated;
		// that doesn't change the verdict.
		errs, _ = s.rules.Validate(t.Context(), nil, s.schema, object, nil, celconfig.RuntimeCELCostBudget)
	}
	for _, err := range errs {
		wrong = append(wrong, err.Error())
	}
	slices.Sort(wrong)
	return object, wrong
}
