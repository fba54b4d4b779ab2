package crd

import (
	"encoding/json"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/discover"
	"github.com/overrides-mesh/overrides/internal/model"
)

// lenient are the policies that the API server rejects and the generator uses, since the
// result is the same.
var lenient = map[string]string{
	"conditions/none.yaml":                       "an empty list says nothing",
	"conditions/twice.yaml":                      "said twice is said once",
	"conditions/method-twice.yaml":               "said twice is said once",
	"conditions/methods-without-conditions.yaml": "without the condition nobody asks for the methods",
	"conditions/methods-with-from.yaml":          "without the condition nobody asks for the methods",
	"conditions/callers-without-conditions.yaml": "without the condition nobody asks for the callers",
	"conditions/callers-with-method.yaml":        "without the condition nobody asks for the callers",
	"released/version-twice.yaml":                "said twice is said once",
	"released/version-with-two-lines.yaml":       "versions are trimmed",
	"settings/namespace-twice.yaml":              "said twice is said once",
	"targets/seventeen.yaml":                     "the limit is there for the cost of the rules",
	"targets/name-missing.yaml":                  "no such Service: a warning",
	"targets/name-with-namespace.yaml":           "no such Service: a warning",
}

// TestGeneratorAgrees compares the generator, which reads policies without an API server,
// with the schema: each uses or accepts exactly the policies that the other does, except
// the lenient ones. The generator does not read the status.
func TestGeneratorAgrees(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for _, file := range []string{"conditions", "released", "settings", "targets"} {
		archive, err := txtar.ParseFile(filepath.Join("testdata", file+".txtar"))
		if err != nil {
			t.Fatal(err)
		}
		for _, document := range archive.Files {
			if document.Name == "want" {
				continue
			}
			object := policy(t, document.Data)
			_, wrong := s.create(t, object)
			found := generatorSays(t, object)
			want := len(wrong) > 0
			if reason, ok := lenient[file+"/"+document.Name]; ok {
				if !want || len(found) > 0 {
					t.Errorf("%s/%s: listed as lenient (%s), but they agree", file, document.Name, reason)
				}
				continue
			}
			if (len(found) > 0) != want {
				t.Errorf("%s/%s: the generator says %v, the API server %q", file, document.Name, found, wrong)
			}
		}
	}
}

// generatorSays returns the generator's errors about a policy.
func generatorSays(t *testing.T, object map[string]any) []diag.Diagnostic {
	t.Helper()
	data, err := json.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	var objects discover.Objects
	found := objects.Decode(data, "shop", diag.Origin{})
	_, more := objects.Snapshot(model.DefaultOptions())
	return slices.DeleteFunc(append(found, more...), func(d diag.Diagnostic) bool { return d.Severity != diag.Error })
}
