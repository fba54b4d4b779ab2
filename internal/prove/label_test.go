package prove_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/prove"
)

// oneService returns a snapshot of a Service with one released workload.
func oneService(more ...model.Backend) *model.Snapshot {
	cart := model.Backend{
		Workload: model.Workload{Kind: "Deployment", Name: "cart"}, Selector: map[string]string{"app": "cart", "track": "stable"},
		Labels: map[string]string{"app": "cart", "track": "stable", "version": "v1", "team": "a"}, Pods: 1, Ready: 1, Wanted: 1,
	}
	return &model.Snapshot{
		Options: model.DefaultOptions(), Namespaces: []string{"shop"},
		Services: []model.Service{{
			Namespace: "shop", Name: "cart", Selector: map[string]string{"app": "cart"},
			Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}}, Backends: append([]model.Backend{cart}, more...),
		}},
	}
}

// TestChangesOfPods: what check says about the pods that ordinary requests reach, and what
// two states say about them, is the same.
func TestChangesOfPods(t *testing.T) {
	t.Parallel()
	preview := model.Backend{
		Workload: model.Workload{Kind: "Deployment", Name: "cart-pr"}, Labels: map[string]string{"app": "cart", "version": "pr", "overrides.mesh/preview": "true"},
		Pods: 1, Ready: 1, Wanted: 1,
	}
	job := []model.Unread{{Object: diag.Object{Kind: "Job", Namespace: "shop", Name: "migrate"}, Labels: map[string]string{"app": "cart"}}}
	tests := []struct {
		name       string
		change     func(before, after *model.Snapshot)
		want       []string
		relabelled []string
	}{
		{"a label that nothing uses", func(_, a *model.Snapshot) { a.Services[0].Backends[0].Labels["team"] = "b" }, nil, []string{"team"}},
		{"a new label that nothing uses", func(_, a *model.Snapshot) { a.Services[0].Backends[0].Labels["cost"] = "b" }, nil, []string{"cost"}},
		{
			"a label that a selector uses", func(_, a *model.Snapshot) { a.Services[0].Backends[0].Labels["track"] = "b" },
			[]string{"ordinary requests would reach pods of Deployment/cart with other labels (track)"},
			nil,
		},
		{"a label of Istio", func(_, a *model.Snapshot) {
			a.Services[0].Backends[0].Labels["sidecar.istio.io/inject"] = "false"
		}, []string{"ordinary requests would reach pods of Deployment/cart with other labels (sidecar.istio.io/inject)"}, nil},
		{
			"a pin that leaves out what is not read", func(b, a *model.Snapshot) {
				b.Services[0].Unread, a.Services[0].Unread = job, job
				b.Services[0].Settings.ReleasedVersions, a.Services[0].Settings.ReleasedVersions = []string{"v1"}, []string{"v1"}
				a.Services[0].Backends = append(a.Services[0].Backends, preview)
			}, []string{"ordinary requests would no longer reach Job shop/migrate"}, nil,
		},
		{"a workload that a controller's selector leaves out", func(_, a *model.Snapshot) {
			s := &a.Services[0]
			s.Backends, s.DropOuts = append(s.Backends, preview), []model.Workload{preview.Workload}
		}, nil, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			before, after := oneService(), oneService()
			test.change(before, after)
			d := prove.Changes(stateOf(before), stateOf(after))
			var got, relabelled []string
			for _, c := range d.Changes {
				got = append(got, c.Change)
			}
			for _, r := range d.Relabelled {
				relabelled = append(relabelled, r.Labels...)
			}
			if diff := cmp.Diff(test.want, got, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.relabelled, relabelled, cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("labels (-want +got):\n%s", diff)
			}
		})
	}
}
