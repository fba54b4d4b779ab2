package compile

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/testing/protocmp"
	istioapi "istio.io/api/networking/v1alpha3"
	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/compile/compiletest"
	"github.com/overrides-mesh/overrides/internal/grammar"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestAgainIsCompile: whatever is remembered, what is made is the same, and what was
// made before is not changed.
func TestAgainIsCompile(t *testing.T) {
	t.Parallel()
	recalled := 0
	rapid.Check(t, func(t *rapid.T) {
		snapshot := compiletest.Snapshot().Draw(t, "snapshot")
		var memory Memory
		for range 6 {
			before := texts(t, memory)
			result, after := Again(snapshot, memory, Refused{})
			if diff := cmp.Diff(asJSON(t, Compile(snapshot)), asJSON(t, result)); diff != "" {
				t.Fatalf("-fresh +remembered:\n%s", diff)
			}
			for _, r := range result.Tables {
				if last, ok := memory.tables[r.Hosts[0]]; ok && len(r.Routes) > 0 && &r.Routes[0] == &last.table.Routes[0] {
					recalled++
				}
			}
			if _, _, err := istio.Objects(result.Tables, result.SubsetRules); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(before, texts(t, memory)); diff != "" {
				t.Fatalf("the memory was changed:\n%s", diff)
			}
			snapshot, memory = change(t, snapshot), after
		}
	})
	if recalled == 0 {
		t.Error("nothing was ever remembered")
	}
}

// change returns a snapshot in which some is as in another one.
func change(t *rapid.T, in *model.Snapshot) *model.Snapshot {
	other := compiletest.Snapshot().Draw(t, "other snapshot")
	out := *in
	out.Services = slices.Clone(in.Services)
	for i := range out.Services {
		s := &out.Services[i]
		at := slices.IndexFunc(other.Services, func(o model.Service) bool { return o.Namespace == s.Namespace && o.Name == s.Name })
		if at < 0 {
			continue
		}
		o := &other.Services[at]
		switch rapid.IntRange(0, 7).Draw(t, "change") {
		case 0:
			*s = *o
		case 1:
			s.Backends = o.Backends
		case 2:
			s.Ports = o.Ports
		case 3:
			s.Settings = o.Settings
		case 4:
			s.Backends = slices.Clone(s.Backends)
			for j := range s.Backends {
				s.Backends[j].Ready = rapid.IntRange(0, 2).Draw(t, "ready")
			}
		}
	}
	if rapid.Bool().Draw(t, "other mesh") {
		out.VirtualServices, out.DestinationRules, out.Foreign, out.Policies = other.VirtualServices, other.DestinationRules, other.Foreign, other.Policies
	}
	if rapid.IntRange(0, 3).Draw(t, "options") == 0 {
		out.Options.Header = rapid.SampledFrom([]string{"x-override", "x-version"}).Draw(t, "header")
	}
	return &out
}

// texts encodes all tables that are remembered.
func texts(t *rapid.T, m Memory) map[string]string {
	out := map[string]string{}
	for host, r := range m.tables {
		out[host] = asJSON(t, r.table)
	}
	return out
}

func asJSON(t *rapid.T, value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// cartBackend is three pods of a version, some of them ready.
func cartBackend(version string, ready int) model.Backend {
	labels := map[string]string{"app": "cart", "version": version}
	return model.Backend{Workload: model.Workload{Kind: "Deployment", Name: "cart-" + version}, Labels: labels, Pods: 3, Ready: ready}
}

// cart is a Service with two released versions and another one.
func cart() *model.Snapshot {
	return &model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{"shop"}, Services: []model.Service{{
		Namespace: "shop", Name: "cart", Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}, {Name: "admin", Number: 81, HTTP: true}},
		Selector: map[string]string{"app": "cart"}, Settings: model.Settings{ReleasedVersions: []string{"v1", "v2"}},
		Backends: []model.Backend{cartBackend("v1", 1), cartBackend("v2", 1), cartBackend("v3", 1)},
	}}}
}

// cartRule is a DestinationRule of the user's with a subset of a version.
func cartRule(version string) []model.DestinationRule {
	return []model.DestinationRule{{Namespace: "shop", Name: "cart", Spec: &istioapi.DestinationRule{
		Host: "cart", Subsets: []*istioapi.Subset{{Name: "theirs", Labels: map[string]string{"version": version}}},
	}}}
}

// TestAgain: what a generated snapshot rarely changes, a table follows from too.
func TestAgain(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(before, after *model.Snapshot){
		"nothing":  func(_, _ *model.Snapshot) {},
		"a weight": func(_, after *model.Snapshot) { after.Services[0].Backends[0] = cartBackend("v1", 2) },
		"a port":   func(_, after *model.Snapshot) { after.Services[0].Ports[1].Number = 82 },
		"what a subset of the user's is": func(before, after *model.Snapshot) {
			before.DestinationRules, after.DestinationRules = cartRule("v3"), cartRule("v4")
			after.Services[0].Backends[2] = cartBackend("v4", 1)
		},
		"the port of an isolated version": func(before, after *model.Snapshot) {
			for i, s := range []*model.Snapshot{before, after} {
				s.Services = append(s.Services, model.Service{
					Namespace: "shop", Name: "cart-v4", VersionOf: "cart", Version: "v4", Selector: map[string]string{"app": "cart-v4"},
					Ports:    []model.Port{{Name: "http", Number: uint32(8080 + i), HTTP: true}, {Name: "admin", Number: 81, HTTP: true}}, //nolint:gosec // 0 or 1
					Backends: []model.Backend{cartBackend("v4", 1)},
				})
			}
		},
		"a user's route": func(before, after *model.Snapshot) {
			for i, s := range []*model.Snapshot{before, after} {
				s.VirtualServices = []model.VirtualService{{Namespace: "shop", Name: "cart", Spec: &istioapi.VirtualService{
					Hosts: []string{"cart"}, Http: []*istioapi.HTTPRoute{{
						Match: []*istioapi.HTTPMatchRequest{{Uri: &istioapi.StringMatch{MatchType: &istioapi.StringMatch_Prefix{Prefix: strings.Repeat("/a", i+1)}}}},
						Route: []*istioapi.HTTPRouteDestination{{Destination: &istioapi.Destination{Host: "cart"}}},
					}},
				}}}
			}
		},
		"a pattern that is too long": func(before, after *model.Snapshot) {
			before.Services[0].Namespace = strings.Repeat("n", grammar.MaxPatternBytes)
			after.Services[0].Namespace = before.Services[0].Namespace
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, after := cart(), cart()
			change(before, after)
			_, memory := Again(before, Memory{}, Refused{})
			got, _ := Again(after, memory, Refused{})
			want := Compile(after)
			if diff := cmp.Diff(want, got, protocmp.Transform()); diff != "" {
				t.Errorf("-fresh +remembered:\n%s", diff)
			}
			if len(want.Tables) == 0 && len(want.Diagnostics) == 0 {
				t.Error("there is nothing to compare")
			}
		})
	}
}
