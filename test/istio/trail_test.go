package istio_test

import (
	"os"
	"testing"

	accesslogv3 "github.com/envoyproxy/go-control-plane/envoy/config/accesslog/v3"
	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/protobuf/testing/protocmp"
	"istio.io/istio/pilot/pkg/model"
	"istio.io/istio/pilot/pkg/networking/core"
	"istio.io/istio/pkg/config/mesh"

	"github.com/overrides-mesh/overrides/test/istio/validate"
)

// TestTrailInIstio: istiod accepts the filter with which proxies report. Each HTTP connection of a
// sidecar and of a gateway has one access log more, behind those of the user (of the mesh
// configuration, or of a Telemetry that filters or turns off), which stay as they are. The proxy has
// the cluster of the collector once, whatever its Sidecar imports. Older proxies have none of it.
func TestTrailInIstio(t *testing.T) {
	filter, err := os.ReadFile("../../internal/trail/testdata/filter.yaml")
	if err != nil {
		t.Fatal(err)
	}
	report, err := validate.Objects(filter)
	if err != nil || len(report.Errors) > 0 {
		t.Fatalf("%v %v", report.Errors, err)
	}
	users, err := os.ReadFile("testdata/trail.yaml")
	if err != nil {
		t.Fatal(err)
	}
	config := mesh.DefaultMeshConfig()
	config.AccessLogFile = "/dev/stdout"
	with := core.NewConfigGenTest(t, core.TestOptions{ConfigString: string(users) + "\n---\n" + string(filter), MeshConfig: config})
	without := core.NewConfigGenTest(t, core.TestOptions{ConfigString: string(users), MeshConfig: config})
	for _, c := range []struct {
		namespace, version string
		kind               model.NodeType
		logs               int
	}{
		{"shop", "1.31.0", model.SidecarProxy, 2},
		{"logged", "1.26.0", model.SidecarProxy, 2},
		{"silent", "1.31.0", model.SidecarProxy, 1},
		{"ingress", "1.31.0", model.Router, 2},
		{"shop", "1.25.3", model.SidecarProxy, 1},
		{"ingress", "1.25.3", model.Router, 1},
	} {
		proxy := func(in *core.ConfigGenTest) *model.Proxy {
			labels := map[string]string{"istio": "public"}
			return in.SetupProxy(&model.Proxy{
				Type: c.kind, ConfigNamespace: c.namespace, IPAddresses: []string{"10.1.1.1"}, IstioVersion: model.ParseIstioVersion(c.version), Labels: labels,
				Metadata: &model.NodeMetadata{Namespace: c.namespace, IstioVersion: c.version, Labels: labels},
			})
		}
		older := c.version == "1.25.3"
		after, before := proxy(with), proxy(without)
		got, was := managers(t, with.Listeners(after)), managers(t, without.Listeners(before))
		if len(got) == 0 || len(got) != len(was) {
			t.Fatalf("%v: %d HTTP connections, %d without the filter", c, len(got), len(was))
		}
		for name, manager := range got {
			logs, own := manager.GetAccessLog(), was[name].GetAccessLog()
			added := logs[len(own):]
			if diff := cmp.Diff(own, logs[:len(own)], protocmp.Transform(), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%v, %s: the user's access logs (-without +with):\n%s", c, name, diff)
			}
			if len(logs) != c.logs || older != (len(added) == 0) || !older && !isTrail(added) {
				t.Errorf("%v, %s: %d access logs of the user, and then %v", c, name, len(own), added)
			}
		}
		clusters := 0
		for _, cluster := range with.Clusters(after) {
			if cluster.GetName() == "overrides-trail" {
				clusters++
			}
		}
		if older != (clusters == 0) || clusters > 1 {
			t.Errorf("%v: %d clusters of the collector", c, clusters)
		}
	}
}

func isTrail(logs []*accesslogv3.AccessLog) bool {
	return len(logs) == 1 && logs[0].GetName() == "envoy.access_loggers.http_grpc" && logs[0].GetFilter() != nil
}
