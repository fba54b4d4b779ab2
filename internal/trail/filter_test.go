package trail_test

import (
	"encoding/json"
	"flag"
	"os"
	"testing"

	clusterv3 "github.com/envoyproxy/go-control-plane/envoy/config/cluster/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/anypb"

	"github.com/overrides-mesh/overrides/internal/trail"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func reporting() *trail.Reporting {
	return &trail.Reporting{Namespace: "istio-system", Host: "overrides-trail.overrides-system.svc.cluster.local", Port: 9911, Header: "x-override"}
}

// TestFilter compares the filter with testdata/filter.yaml.
func TestFilter(t *testing.T) {
	t.Parallel()
	object, err := trail.Filter(reporting())
	if err != nil {
		t.Fatal(err)
	}
	got, err := object.YAML()
	if err != nil {
		t.Fatal(err)
	}
	const golden = "testdata/filter.yaml"
	if *update {
		if err := os.WriteFile(golden, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// TestFilterIsEnvoys: each patch is a valid message of Envoy's, without a field that Envoy does not
// know, and says the same when it is written again.
func TestFilterIsEnvoys(t *testing.T) {
	t.Parallel()
	object, err := trail.Filter(reporting())
	if err != nil {
		t.Fatal(err)
	}
	var filter struct {
		Spec struct {
			ConfigPatches []struct {
				ApplyTo string
				Match   struct{ Context string }
				Patch   struct{ Value json.RawMessage }
			}
		}
	}
	if err := json.Unmarshal(object.JSON, &filter); err != nil {
		t.Fatal(err)
	}
	patches := map[string]int{}
	for _, p := range filter.Spec.ConfigPatches {
		patches[p.ApplyTo+" "+p.Match.Context]++
		var message interface {
			proto.Message
			ValidateAll() error
		} = &clusterv3.Cluster{}
		text := p.Patch.Value
		if p.ApplyTo == "NETWORK_FILTER" {
			var value struct {
				Config json.RawMessage `json:"typed_config"`
			}
			if err := json.Unmarshal(p.Patch.Value, &value); err != nil {
				t.Fatal(err)
			}
			packed := &anypb.Any{}
			if err := protojson.Unmarshal(value.Config, packed); err != nil {
				t.Fatal(err)
			}
			manager := &hcmv3.HttpConnectionManager{}
			if err := packed.UnmarshalTo(manager); err != nil {
				t.Fatal(err)
			}
			if len(manager.GetAccessLog()) != 1 {
				t.Errorf("%s has %d logs", p.Match.Context, len(manager.GetAccessLog()))
			}
			continue
		}
		if err := protojson.Unmarshal(text, message); err != nil {
			t.Fatal(err)
		}
		if err := message.ValidateAll(); err != nil {
			t.Error(err)
		}
		again, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(asJSON(t, text), asJSON(t, again)); diff != "" {
			t.Errorf("%s (-filter +again):\n%s", p.ApplyTo, diff)
		}
	}
	want := map[string]int{
		"NETWORK_FILTER SIDECAR_OUTBOUND": 1, "NETWORK_FILTER SIDECAR_INBOUND": 1, "NETWORK_FILTER GATEWAY": 1,
		"CLUSTER SIDECAR_OUTBOUND": 1, "CLUSTER GATEWAY": 1,
	}
	if diff := cmp.Diff(want, patches); diff != "" {
		t.Errorf("patches (-want +got):\n%s", diff)
	}
}

func asJSON(t *testing.T, text []byte) any {
	t.Helper()
	var out any
	if err := json.Unmarshal(text, &out); err != nil {
		t.Fatal(err)
	}
	return out
}
