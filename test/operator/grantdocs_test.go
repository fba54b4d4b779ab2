package operator_test

import (
	"os"
	"regexp"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
)

// indented are the blocks of a page that are indented by four spaces.
var indented = regexp.MustCompile(`(?m)(?:^ {4}.*\n)+`)

// TestGrantPoliciesInDocs: the API server accepts the policies in the documentation, without
// unknown fields.
func TestGrantPoliciesInDocs(t *testing.T) {
	t.Parallel()
	s := openShop(t, sharedPlane(t), "grant-docs")
	check(t, s.plane.InstallCRDs(t.Context(), "../../config/crd/overrides.mesh_overridegrantpolicies.yaml"))
	page, err := os.ReadFile("../../docs/grants.md")
	check(t, err)
	policies := 0
	for _, block := range indented.FindAllString(string(page), -1) {
		if !strings.Contains(block, "kind: OverrideGrantPolicy\n") {
			continue
		}
		policies++
		u := &unstructured.Unstructured{}
		check(t, yaml.Unmarshal([]byte(strings.ReplaceAll("\n"+block, "\n    ", "\n")), &u.Object))
		_, err := s.objects.Resource(v1alpha1.GroupVersion.WithResource("overridegrantpolicies")).
			Create(t.Context(), u, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}, FieldValidation: metav1.FieldValidationStrict})
		if err != nil {
			t.Errorf("%v\n%s", err, block)
		}
	}
	if policies != 3 {
		t.Errorf("the page has %d policies", policies)
	}
}
