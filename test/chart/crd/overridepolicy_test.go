package crd

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/api/v1alpha1"
)

var update = flag.Bool("update", false, "rewrite the want files of testdata")

func TestDefinition(t *testing.T) {
	t.Parallel()
	external, internal := readCRD(t)
	// A new CRD has stored versions only after the API server has seen it.
	internal.Status.StoredVersions = []string{v1alpha1.GroupVersion.Version}
	if errs := validation.ValidateCustomResourceDefinition(t.Context(), internal); len(errs) > 0 {
		t.Errorf("the API server would refuse it: %v", errs.ToAggregate())
	}
	if external.Spec.Group != v1alpha1.GroupName || external.Spec.Names.Kind != v1alpha1.KindOverridePolicy {
		t.Errorf("group and kind are %s, %s", external.Spec.Group, external.Spec.Names.Kind)
	}
	if got := external.Labels["gateway.networking.k8s.io/policy"]; got != "Direct" {
		t.Errorf("GEP-713 label is %q, want Direct", got)
	}
	if external.Spec.Versions[0].Subresources.Status == nil {
		t.Error("status is no subresource")
	}
}

func TestScheme(t *testing.T) {
	t.Parallel()
	scheme := runtime.NewScheme()
	if err := v1alpha1.AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	for _, kind := range []string{"OverridePolicy", "OverridePolicyList"} {
		if _, err := scheme.New(v1alpha1.GroupVersion.WithKind(kind)); err != nil {
			t.Error(err)
		}
	}
}

// TestPolicies gives every file of an archive to the API server, as the spec and status
// of a policy, and compares the answers with the archive's file want.
func TestPolicies(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no archives in testdata: %v", err)
	}
	s := newServer(t)
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			archive, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			want := wantOf(t, archive)
			got := s.answers(t, archive)
			if *update {
				want.Data = got
				if err := os.WriteFile(file, txtar.Format(archive), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if diff := cmp.Diff(string(want.Data), string(got)); diff != "" {
				t.Errorf("answers differ (-want +got):\n%s", diff)
			}
		})
	}
}

// TestEveryRuleRefuses checks that every CEL rule of the schema rejects something in the
// archives.
func TestEveryRuleRefuses(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "*.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	var wants strings.Builder
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		wants.Write(wantOf(t, archive).Data)
	}
	rules := 0
	walk(newServer(t).schema, "", func(path string, s *structuralschema.Structural) {
		for _, rule := range s.XValidations {
			rules++
			if !strings.Contains(wants.String(), rule.Message) {
				t.Errorf("%s: no archive is refused with %q", path, rule.Message)
			}
		}
	})
	if rules == 0 {
		t.Error("the schema has no rules")
	}
}

// TestExample compares the example with the schema: it is valid, shows every field of the
// spec, and loses nothing on the way through the Go type.
func TestExample(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	data, err := os.ReadFile(filepath.Join(root, "examples", "policy", "overridepolicy.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for document := range bytes.SplitSeq(data, []byte("\n---\n")) {
		object := decode(t, document)
		stored, wrong := s.create(t, object)
		if len(wrong) > 0 {
			t.Errorf("refused: %s", strings.Join(wrong, "\n"))
		}
		if diff := cmp.Diff(stored, throughGo(t, stored), sameValue); diff != "" {
			t.Errorf("the Go type changes it (-stored +go):\n%s", diff)
		}
		paths(object["spec"], "", shown)
	}
	spec := s.schema.Properties["spec"]
	walk(&spec, "", func(path string, _ *structuralschema.Structural) {
		if path != "" && !shown[path] {
			t.Errorf("the example does not show spec%s", path)
		}
	})
}

// TestGoValues builds a policy in Go with every constant of the API: the schema must know
// them all.
func TestGoValues(t *testing.T) {
	t.Parallel()
	s := newServer(t)
	for i, from := range []v1alpha1.FromNamespaces{v1alpha1.FromNamespacesAll, v1alpha1.FromNamespacesSame, v1alpha1.FromNamespacesSelector} {
		strict := []v1alpha1.StrictMode{v1alpha1.StrictWhenManaged, v1alpha1.StrictAlways}[i%2]
		made := &v1alpha1.OverridePolicy{
			TypeMeta: metav1.TypeMeta{
				APIVersion: v1alpha1.GroupVersion.String(),
				Kind:       v1alpha1.KindOverridePolicy,
			},
			ObjectMeta: metav1.ObjectMeta{Name: "policy", Namespace: "shop"},
			Spec: v1alpha1.OverridePolicySpec{
				TargetRefs: []v1alpha1.TargetReference{{Kind: "Service", Name: "reviews"}},
				Conditions: []v1alpha1.ConditionKind{v1alpha1.ConditionKindFrom, v1alpha1.ConditionKindMethod},
				Strict:     &strict,
				Previews:   &v1alpha1.Previews{Namespaces: v1alpha1.PreviewNamespaces{From: from}},
			},
			Status: everyReason(),
		}
		if from == v1alpha1.FromNamespacesSelector {
			made.Spec.Previews.Namespaces.Selector = &metav1.LabelSelector{MatchLabels: map[string]string{"previews-of": "shop"}}
		}
		data, err := yaml.Marshal(made)
		if err != nil {
			t.Fatal(err)
		}
		if _, wrong := s.create(t, decode(t, data)); len(wrong) > 0 {
			t.Errorf("strict %s: refused: %s", strict, strings.Join(wrong, "\n"))
		}
	}
}

// everyReason returns a status with one target for every reason.
func everyReason() v1alpha1.OverridePolicyStatus {
	reasons := map[string][]string{
		v1alpha1.PolicyConditionAccepted: {
			v1alpha1.PolicyReasonAccepted, v1alpha1.PolicyReasonTargetNotFound,
			v1alpha1.PolicyReasonConflicted, v1alpha1.PolicyReasonInvalid,
		},
		v1alpha1.PolicyConditionProgrammed: {
			v1alpha1.PolicyReasonProgrammed, v1alpha1.PolicyReasonPending,
			v1alpha1.PolicyReasonNothingToOverride, v1alpha1.PolicyReasonInvalid,
		},
	}
	var status v1alpha1.OverridePolicyStatus
	for condition, list := range reasons {
		for i, reason := range list {
			status.Targets = append(status.Targets, v1alpha1.TargetStatus{
				TargetRef: v1alpha1.TargetReference{Kind: "Service", Name: fmt.Sprintf("service-%d", i)},
				Conditions: []metav1.Condition{{
					Type: condition, Status: metav1.ConditionUnknown, Reason: reason, ObservedGeneration: 1,
					LastTransitionTime: metav1.Date(2030, time.January, 1, 0, 0, 0, 0, time.UTC),
				}},
			})
		}
	}
	return status
}

// answers returns one line for each accepted file, and one for each error in a file.
func (s *server) answers(t *testing.T, archive *txtar.Archive) []byte {
	t.Helper()
	var out bytes.Buffer
	for _, file := range archive.Files {
		if file.Name == "want" {
			continue
		}
		stored, wrong := s.create(t, policy(t, file.Data))
		for _, line := range wrong {
			fmt.Fprintf(&out, "%s: %s\n", file.Name, line)
		}
		if len(wrong) > 0 {
			continue
		}
		fmt.Fprintf(&out, "%s: accepted\n", file.Name)
		if diff := cmp.Diff(stored, throughGo(t, stored), sameValue); diff != "" {
			t.Errorf("%s: the Go type changes it (-stored +go):\n%s", file.Name, diff)
		}
	}
	return out.Bytes()
}

// policy returns a policy with the spec and status in data.
func policy(t *testing.T, data []byte) map[string]any {
	t.Helper()
	object := decode(t, data)
	object["apiVersion"] = v1alpha1.GroupVersion.String()
	object["kind"] = v1alpha1.KindOverridePolicy
	object["metadata"] = map[string]any{"name": "policy", "namespace": "shop"}
	return object
}

// wantOf returns the file of archive with the wanted answers.
func wantOf(t *testing.T, archive *txtar.Archive) *txtar.File {
	t.Helper()
	for i := range archive.Files {
		if archive.Files[i].Name == "want" {
			return &archive.Files[i]
		}
	}
	t.Fatal("the archive has no file want")
	return nil
}

func decode(t *testing.T, data []byte) map[string]any {
	t.Helper()
	object := map[string]any{}
	if err := yaml.UnmarshalStrict(data, &object); err != nil {
		t.Fatalf("decode %s: %v", data, err)
	}
	return object
}

// sameValue compares numbers by value, and times by length: Go writes 24h as 24h0m0s.
var sameValue = cmp.FilterValues(func(a, b any) bool {
	_, first := asNumber(a)
	_, second := asNumber(b)
	return first && second
}, cmp.Comparer(func(a, b any) bool {
	first, _ := asNumber(a)
	second, _ := asNumber(b)
	return first == second
}))

// asNumber returns a number, or the seconds of a length of time, and whether v is one.
func asNumber(v any) (float64, bool) {
	switch v := v.(type) {
	case int64:
		return float64(v), true
	case float64:
		return v, true
	case string:
		d, err := time.ParseDuration(v)
		return d.Seconds(), err == nil
	}
	return 0, false
}

// throughGo decodes object into the Go type and encodes it again.
func throughGo(t *testing.T, object map[string]any) map[string]any {
	t.Helper()
	data, err := yaml.Marshal(object)
	if err != nil {
		t.Fatal(err)
	}
	through := &v1alpha1.OverridePolicy{}
	if err := yaml.UnmarshalStrict(data, through); err != nil {
		t.Fatalf("decode into Go: %v", err)
	}
	if data, err = yaml.Marshal(through.DeepCopy()); err != nil {
		t.Fatal(err)
	}
	return decode(t, data)
}

// walk calls visit for s and everything below it; items of a list have the list's path.
func walk(s *structuralschema.Structural, path string, visit func(string, *structuralschema.Structural)) {
	visit(path, s)
	if s.Items != nil {
		walk(s.Items, path, visit)
	}
	for name, property := range s.Properties {
		walk(&property, path+"."+name, visit)
	}
}

// paths adds the paths of all fields of value to into, named as in walk.
func paths(value any, path string, into map[string]bool) {
	switch value := value.(type) {
	case map[string]any:
		for name, field := range value {
			into[path+"."+name] = true
			paths(field, path+"."+name, into)
		}
	case []any:
		for _, item := range value {
			paths(item, path, into)
		}
	}
}
