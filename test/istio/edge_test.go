package istio_test

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	routev3 "github.com/envoyproxy/go-control-plane/envoy/config/route/v3"
	matchingv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/common/matching/v3"
	headerv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/header_mutation/v3"
	jwtv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/jwt_authn/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	earlyv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/http/early_header_mutation/header_mutation/v3"
	"golang.org/x/tools/txtar"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/anypb"
	"google.golang.org/protobuf/types/known/structpb"
	istioapi "istio.io/api/networking/v1alpha3"
	"sigs.k8s.io/yaml"

	"github.com/overrides-mesh/overrides/test/istio/manifest"
	"github.com/overrides-mesh/overrides/test/istio/validate"
)

// TestEdge: Istio accepts every object of an entry, and Envoy's types every filter.
func TestEdge(t *testing.T) {
	t.Parallel()
	var files []string
	for _, folder := range []string{"", "policy/", "default/"} {
		found, err := filepath.Glob("../../internal/edge/testdata/" + folder + "*.txtar")
		if err != nil || len(found) == 0 {
			t.Fatalf("no archives: %v", err)
		}
		files = append(files, found...)
	}
	kinds := map[string]int{}
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		_, text, _ := strings.Cut(string(archive.Files[len(archive.Files)-1].Data), "---\n")
		report, err := validate.Objects([]byte(text))
		if err != nil || len(report.Errors) > 0 {
			t.Errorf("%s: %v %v", file, report.Errors, err)
		}
		objects, err := manifest.Split([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		for _, o := range objects {
			if kinds[o.Kind]++; o.Kind == "EnvoyFilter" {
				checkFilter(t, file, o.YAML)
			}
		}
	}
	if kinds["EnvoyFilter"] < 4 || kinds["Gateway"] < 2 || kinds["VirtualService"] < 3 || kinds["AuthorizationPolicy"] < 3 {
		t.Errorf("the archives have few objects: %v", kinds)
	}
}

// checkRequests checks a filter of requests by Envoy's own rules. That of links changes nothing
// by itself.
func checkRequests(t *testing.T, file string, value *structpb.Struct) {
	t.Helper()
	data, err := protojson.Marshal(value.GetFields()["typed_config"])
	if err != nil {
		t.Fatal(err)
	}
	var packed anypb.Any
	if err := protojson.Unmarshal(data, &packed); err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	config, err := packed.UnmarshalNew()
	if err != nil {
		t.Errorf("%s: %v", file, err)
		return
	}
	effective := false
	switch m := config.(type) {
	case *headerv3.HeaderMutation:
		changes := len(m.GetMutations().GetRequestMutations()) + len(m.GetMutations().GetResponseMutations())
		err, effective = m.ValidateAll(), changes > 0 || value.GetFields()["name"].GetStringValue() == "overrides.link"
	case *jwtv3.JwtAuthentication:
		err, effective = m.ValidateAll(), len(m.GetProviders()) == 1 && len(m.GetRules()) == 1
	case *matchingv3.ExtensionWithMatcher:
		var lua luav3.Lua
		err = errors.Join(m.ValidateAll(), m.GetXdsMatcher().ValidateAll(), m.GetExtensionConfig().GetTypedConfig().UnmarshalTo(&lua), lua.ValidateAll())
		effective = strings.Contains(lua.GetDefaultSourceCode().GetInlineString(), "headers:add(")
	}
	if err != nil || !effective {
		t.Errorf("%s: %T: %v", file, config, err)
	}
}

// checkRoute checks a route that is inserted by Envoy's own rules.
func checkRoute(t *testing.T, file string, value *structpb.Struct) {
	t.Helper()
	data, err := protojson.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	var r routev3.Route
	if err := errors.Join(protojson.Unmarshal(data, &r), r.ValidateAll()); err != nil {
		t.Errorf("%s: %v", file, err)
	}
}

// checkFilter decodes a filter strictly, as istiod does, and checks what is merged.
func checkFilter(t *testing.T, file string, text []byte) {
	t.Helper()
	var object struct {
		Spec map[string]any `json:"spec"`
	}
	if err := yaml.Unmarshal(text, &object); err != nil {
		t.Fatal(err)
	}
	encoded, err := yaml.Marshal(object.Spec)
	if err != nil {
		t.Fatal(err)
	}
	data, err := yaml.YAMLToJSON(encoded)
	if err != nil {
		t.Fatal(err)
	}
	var spec istioapi.EnvoyFilter
	if err := protojson.Unmarshal(data, &spec); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	for _, p := range spec.GetConfigPatches() {
		if p.GetApplyTo() == istioapi.EnvoyFilter_HTTP_ROUTE {
			checkRoute(t, file, p.GetPatch().GetValue())
			continue
		}
		if p.GetApplyTo() == istioapi.EnvoyFilter_HTTP_FILTER {
			checkRequests(t, file, p.GetPatch().GetValue())
			continue
		}
		typed := p.GetPatch().GetValue().GetFields()["typed_config"].GetStructValue()
		delete(typed.GetFields(), "@type")
		data, err := protojson.Marshal(typed)
		if err != nil {
			t.Fatal(err)
		}
		var manager hcmv3.HttpConnectionManager
		if err := protojson.Unmarshal(data, &manager); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		if len(manager.GetEarlyHeaderMutationExtensions()) != 1 {
			t.Errorf("%s: %d mutations", file, len(manager.GetEarlyHeaderMutationExtensions()))
		}
		for _, e := range manager.GetEarlyHeaderMutationExtensions() {
			var early earlyv3.HeaderMutation
			if err := e.GetTypedConfig().UnmarshalTo(&early); err != nil {
				t.Fatalf("%s: %v", file, err)
			}
			if err := early.ValidateAll(); err != nil || len(early.GetMutations()) == 0 {
				t.Errorf("%s: %v", file, err)
			}
		}
	}
}
