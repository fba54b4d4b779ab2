package compile_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
)

// TestVersionShared: a version that several workloads run is said, unless they are one
// and the same for a reader, or a controller moves pods between them.
func TestVersionShared(t *testing.T) {
	t.Parallel()
	const (
		pr    = "Deployment/pr-7 and Deployment/pr-9 run version pr: a request for it reaches pods of any of them"
		parts = "Deployment/web and Deployment/worker run version v1, and Deployment/worker is not released: ordinary requests don't reach it, and requests for the version reach pods of any of them"
	)
	for name, test := range map[string]struct {
		// pods are as backendOf reads them.
		pods    []string
		service model.Service
		want    []string
	}{
		"one workload for each version": {pods: []string{"Deployment/v1 v1", "Deployment/v2 v2"}},
		"two previews of one name": {
			pods: []string{"Deployment/cart v1", "Deployment/pr-7 pr", "Deployment/pr-9 pr"},
			want: []string{"warning: " + pr},
		},
		"as many as the released version has": {
			pods:    []string{"Deployment/a v1", "Deployment/b v1", "Deployment/pr-7 pr", "Deployment/pr-9 pr"},
			service: model.Service{Settings: model.Settings{ReleasedVersions: []string{"v1"}}},
			want:    []string{"info: " + pr},
		},
		"a part of the released version": {
			pods:    []string{"Deployment/web v1", "Deployment/worker v1"},
			service: model.Service{Settings: model.Settings{ReleasedWorkload: &model.Workload{Name: "web"}}},
			want:    []string{"info: " + parts},
		},
		"a preview of what is released by now": {
			pods:    []string{"Deployment/web v1", "Deployment/worker v1 preview"},
			service: model.Service{Settings: model.Settings{ReleasedWorkload: &model.Workload{Name: "web"}}},
		},
		"all of the released version": {
			pods:    []string{"Deployment/web v1", "Deployment/worker v1", "Deployment/pr pr"},
			service: model.Service{Settings: model.Settings{ReleasedVersions: []string{"v1"}}},
		},
		"one has no ready pod": {pods: []string{"Deployment/cart v1", "Deployment/pr-7 pr", "Deployment/pr-9 pr none"}},
		"bare pods":            {pods: []string{"Deployment/cart v1", "Pod/a pr", "Pod/b pr"}},
		"a bare pod beside":    {pods: []string{"Deployment/cart v1", "Deployment/a pr", "Pod/b pr"}, want: []string{"warning: Deployment/a and Pod/b run version pr: a request for it reaches pods of any of them"}},
		"runs of a CronJob":    {pods: []string{"Deployment/cart v1", "Job/a-1 pr", "Job/a-2 pr"}},
		"it becomes a Rollout": {pods: []string{"Deployment/cart v1", "Deployment/pr pr", "Rollout/pr pr"}},
		"a controller moves pods": {
			pods:    []string{"Deployment/cart v1", "Deployment/pr-7 pr", "Deployment/pr-9 pr"},
			service: model.Service{Steered: model.Steering{Kind: "Canary", Name: "cart"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := test.service
			s.Namespace, s.Name, s.Selector = "shop", "cart", map[string]string{"app": "cart"}
			s.Ports = []model.Port{{Name: "http", Number: 80, HTTP: true}}
			for _, p := range test.pods {
				s.Backends = append(s.Backends, backendOf(p))
			}
			result := compile.Compile(&model.Snapshot{Options: model.DefaultOptions(), Namespaces: []string{"shop"}, Services: []model.Service{s}})
			var got []string
			for _, d := range result.Diagnostics {
				if d.Code == diag.VersionShared {
					got = append(got, d.Severity.String()+": "+d.Message)
				}
			}
			if d := cmp.Diff(test.want, got); d != "" {
				t.Errorf("-want +got:\n%s\n%v", d, result.Diagnostics)
			}
		})
	}
}

// backendOf reads "Kind/name VERSION", with "none" behind it where no pod is ready, or
// "preview" where the pods are labelled as such.
func backendOf(text string) model.Backend {
	fields := append(strings.Fields(text), "")
	kind, name, _ := strings.Cut(fields[0], "/")
	labels := map[string]string{"app": "cart", "version": fields[1], "name": name}
	out := model.Backend{Workload: model.Workload{Kind: kind, Name: name}, Selector: map[string]string{"app": "cart", "name": name}, Labels: labels, Pods: 1, Ready: 1}
	switch fields[2] {
	case "none":
		out.Pods, out.Ready = 0, 0
	case "preview":
		labels[compile.PreviewLabel] = "true"
	}
	return out
}
