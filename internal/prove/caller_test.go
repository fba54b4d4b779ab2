package prove_test

import (
	"slices"
	"testing"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestDoorCallers: the callers of doors through sidecars.
func TestDoorCallers(t *testing.T) {
	t.Parallel()
	plain := func(s *model.Snapshot) { s.VirtualServices, s.DestinationRules = nil, nil }
	shared := func(s *model.Snapshot) { s.Services[0].Backends[1].Labels["version"] = "v1" }
	tests := []struct {
		name   string
		change []func(*model.Snapshot)
		want   string
	}{
		{"pinned for everybody", []func(*model.Snapshot){plain}, ""},
		{"pinned for nobody", []func(*model.Snapshot){plain, shared}, "all namespaces"},
		{"pinned for nobody, wherever callers are said to be", []func(*model.Snapshot){plain, shared, inShop}, "all namespaces"},
		{"pinned beside a user's routes, where those are known to be", nil, "namespaces that the input does not name"},
		{"callers are said to be in a namespace", []func(*model.Snapshot){inShop}, ""},
		{"all namespaces are read", []func(*model.Snapshot){func(s *model.Snapshot) { s.AllNamespaces = true }}, ""},
		{"the Service says where its callers are", []func(*model.Snapshot){func(s *model.Snapshot) {
			s.Services[0].Settings.CallerNamespaces = []string{"shop"}
		}}, ""},
		{"… and there is one without the table", []func(*model.Snapshot){inShop, func(s *model.Snapshot) {
			s.Namespaces = append(s.Namespaces, "web")
		}}, "namespace web"},
		{"the root namespace is one, if it is named", []func(*model.Snapshot){inShop, func(s *model.Snapshot) {
			s.Namespaces = append(s.Namespaces, "istio-system")
		}}, "namespace istio-system"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := smallMesh()
			s.AllNamespaces, s.Namespaces, s.VirtualServices, s.Revisions = false, []string{"shop"}, s.VirtualServices[:1], nil
			s.Services[0].Backends = append(s.Services[0].Backends, model.Backend{
				Workload: model.Workload{Kind: "Deployment", Name: "cart-next"}, Pods: 1, Ready: 1,
				Labels: map[string]string{"app": "cart", "version": "v2", "overrides.mesh/preview": "true"},
			})
			for _, change := range test.change {
				change(s)
			}
			want := compile.Door{Kind: compile.DoorSidecars, Name: "cart.shop.svc.cluster.local", Callers: test.want, Pinned: test.want == ""}
			if doors := stateOf(s).Result.Services[0].Doors; !slices.Contains(doors, want) {
				t.Errorf("doors %+v, want %+v", doors, want)
			}
		})
	}
}

func inShop(s *model.Snapshot) { s.Options.CallerNamespaces = []string{"shop"} }
