//go:build !istio_1_30

// Package valid has the rules of the newest Istio, which has fields that older versions
// reject.

package validate_test

import (
	"encoding/json"
	"errors"
	"os"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	istioapi "istio.io/api/networking/v1alpha3"
	"istio.io/istio/pkg/config"
	"istio.io/istio/pkg/config/validation"
	istiolog "istio.io/istio/pkg/log"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/valid"
	"github.com/overrides-mesh/overrides/test/istio/manifest"
	"github.com/overrides-mesh/overrides/test/istio/validate"
)

// TestMain silences Istio's validation, which logs deprecated fields.
func TestMain(m *testing.M) {
	for _, scope := range istiolog.Scopes() {
		scope.SetOutputLevel(istiolog.NoneLevel)
	}
	os.Exit(m.Run())
}

const namespace = "shop"

// spec is a drawn specification, and both verdicts on it.
type spec interface {
	proto.Message
	json.Marshaler
	json.Unmarshaler
}

// drawn returns a specification with one to four changes to an accepted one.
func drawn(t *rapid.T, seeds []spec) spec {
	out := proto.Clone(rapid.SampledFrom(seeds).Draw(t, "seed")).(spec)
	for range rapid.IntRange(1, 4).Draw(t, "changes") {
		mutate(t, out.ProtoReflect())
	}
	if service, ok := out.(*istioapi.VirtualService); ok && rapid.IntRange(0, 9).Draw(t, "nulls") == 0 {
		addNull(t, service)
	}
	return out
}

// addNull adds values that JSON writes as null.
func addNull(t *rapid.T, s *istioapi.VirtualService) {
	var route *istioapi.HTTPRoute
	if len(s.GetHttp()) > 0 {
		route = s.GetHttp()[0]
	}
	switch at := rapid.IntRange(0, 7).Draw(t, "null"); {
	case at == 0:
		s.Http = append(s.Http, nil)
	case at == 1:
		s.Tls = append(s.Tls, nil)
	case at == 2:
		s.Tcp = append(s.Tcp, nil)
	case route == nil:
	case at == 3:
		route.Route = append(route.Route, nil)
	case at == 4:
		route.Mirrors = append(route.Mirrors, nil)
	case at == 5:
		route.Match = append(route.Match, nil)
	case len(route.GetMatch()) == 0 || route.GetMatch()[0] == nil:
	case at == 6:
		route.Match[0].Headers = map[string]*istioapi.StringMatch{"x": nil}
	default:
		route.Match[0].WithoutHeaders = map[string]*istioapi.StringMatch{"x": nil}
	}
}

// errPanic means that Istio's validation panicked, as on a null message.
var errPanic = errors.New("panic")

// refuses returns the error of Istio's validation. It repeats it, since the verdict may
// depend on the order of a map: one rejection is enough.
func refuses(s spec, times int) (err error) {
	defer func() {
		if recover() != nil {
			err = errPanic
		}
	}()
	cfg := config.Config{Meta: config.Meta{Name: "x", Namespace: namespace}, Spec: s}
	check := validation.ValidateVirtualService
	if _, ok := s.(*istioapi.DestinationRule); ok {
		check = validation.ValidateDestinationRule
	}
	for range times {
		if _, err := check(cfg); err != nil {
			return err
		}
	}
	return nil
}

// rules returns the problems that package valid finds in s.
func rules(s spec) []valid.Problem {
	switch s := s.(type) {
	case *istioapi.VirtualService:
		return valid.VirtualService(s, namespace)
	case *istioapi.DestinationRule:
		return valid.DestinationRule(s, namespace)
	}
	return nil
}

// TestRules: package valid rejects exactly what Istio's webhook rejects.
func TestRules(t *testing.T) {
	t.Parallel()
	seeds := readSeeds(t)
	for _, seed := range seeds {
		if problems := rules(seed); len(problems) > 0 {
			t.Errorf("the seed %T is refused: %v", seed, problems)
		}
	}
	refused, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		for range 3 { // so that there are 300 of each in an ordinary run
			s := drawn(t, seeds)
			var webhook []valid.Problem
			for _, p := range rules(s) {
				if !p.Schema {
					webhook = append(webhook, p)
				}
			}
			times := 1
			if len(webhook) > 0 {
				times = 60
				refused++
			}
			all++
			if err := refuses(s, times); (err != nil) != (len(webhook) > 0) && !errors.Is(err, errPanic) {
				t.Fatalf("Istio: %v\nours: %v\n%s", err, webhook, protojson.Format(s))
			}
		}
	})
	t.Logf("%d of %d refused", refused, all)
}

// TestRulesAndSchemas: the same for written objects, with the API server's schemas too.
func TestRulesAndSchemas(t *testing.T) {
	t.Parallel()
	seeds := readSeeds(t)
	refused, all := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		for range 3 {
			s := drawn(t, seeds)
			kind := "VirtualService"
			if _, ok := s.(*istioapi.DestinationRule); ok {
				kind = "DestinationRule"
			}
			object, err := istio.Canonical(&metav1.ObjectMeta{Name: "x", Namespace: namespace}, kind, s)
			if err != nil {
				continue // no JSON says it
			}
			// Decoding removes values that cannot be written, such as a null in a map.
			var read struct{ Spec json.RawMessage }
			if err := json.Unmarshal(object.JSON, &read); err != nil {
				t.Fatal(err)
			}
			s = s.ProtoReflect().New().Interface().(spec)
			if err := s.UnmarshalJSON(read.Spec); err != nil {
				continue
			}
			document, err := object.YAML()
			if err != nil {
				t.Fatal(err)
			}
			report, err := validate.Objects(document)
			if err != nil {
				t.Fatal(err)
			}
			all++
			problems := rules(s)
			if len(problems) > 0 {
				refused++
			}
			if (len(report.Errors) > 0) != (len(problems) > 0) && (len(problems) == 0 || refuses(s, 60) == nil) {
				t.Fatalf("Istio: %v\nours: %v\n%s", report.Errors, problems, document)
			}
		}
	})
	t.Logf("%d of %d refused", refused, all)
}

// readSeeds reads specifications that Istio accepts.
func readSeeds(t *testing.T) []spec {
	t.Helper()
	data, err := os.ReadFile("testdata/seeds.yaml")
	if err != nil {
		t.Fatal(err)
	}
	report, err := validate.Objects(data)
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range report.Errors {
		t.Errorf("seeds.yaml: %v", err)
	}
	objects, err := manifest.Split(data)
	if err != nil {
		t.Fatal(err)
	}
	out := make([]spec, 0, len(objects))
	for _, o := range objects {
		out = append(out, decode(t, o))
	}
	return out
}

// decode returns the specification of an object.
func decode(t *testing.T, o manifest.Object) spec {
	t.Helper()
	var read struct{ Spec json.RawMessage }
	if err := yaml.Unmarshal(o.YAML, &read); err != nil {
		t.Fatal(err)
	}
	var out spec = &istioapi.VirtualService{}
	if o.Kind == "DestinationRule" {
		out = &istioapi.DestinationRule{}
	}
	if err := out.UnmarshalJSON(read.Spec); err != nil {
		t.Fatalf("%s: %v", o, err)
	}
	return out
}

// TestRulesFile: Istio or its schemas reject the specifications that illustrate the rules
// if they have problems, and otherwise accept them.
func TestRulesFile(t *testing.T) {
	t.Parallel()
	archive, err := txtar.ParseFile("../../../internal/valid/testdata/rules.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range archive.Files {
		kind, _, _ := strings.Cut(file.Name, "/")
		var fields any
		if err := yaml.Unmarshal(file.Data, &fields); err != nil {
			t.Fatal(err)
		}
		document, err := yaml.Marshal(map[string]any{
			"apiVersion": "networking.istio.io/v1", "kind": kind, "metadata": map[string]any{"name": "x", "namespace": namespace}, "spec": fields,
		})
		if err != nil {
			t.Fatal(err)
		}
		report, err := validate.Objects(document)
		if err != nil {
			t.Fatal(err)
		}
		if want := strings.Contains(string(file.Data), "# "); want != (len(report.Errors) > 0) {
			t.Errorf("%s: %v, want errors: %v", file.Name, report.Errors, want)
		}
	}
}
