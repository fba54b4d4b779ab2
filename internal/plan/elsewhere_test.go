package plan_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/overrides-mesh/overrides/internal/model"
)

// preview is a version of the Service in a namespace, with one pod.
func preview(in string) model.Service {
	return model.Service{
		Namespace: in, Name: service, VersionOf: service, VersionOfIn: namespace, Version: "pr-1",
		Ports: []model.Port{{Name: "http", Number: 80, HTTP: true}}, Selector: map[string]string{"app": service},
		Backends: []model.Backend{{Workload: model.Workload{Kind: "Deployment", Name: service}, Labels: map[string]string{"app": service}, Pods: 1, Ready: 1}},
	}
}

// TestFlappingElsewhere: a version in a namespace of its own has to wait as others have, also
// if a Service that is not permitted claims to be the same version, and is ready.
func TestFlappingElsewhere(t *testing.T) {
	t.Parallel()
	w := start()
	w.settings.Previews = &model.NamespaceSelector{Selector: []model.Requirement{{Key: model.NamespaceNameLabel, Operator: "In", Values: []string{"pr-1"}}}}
	w.isolated = []model.Service{preview("pr-1"), preview("pr-2")}
	w.run(t, 4*bound)
	x := &w.isolated[0].Backends[0]
	var got []string
	for range 3 {
		x.Ready = 0
		lost := w.run(t, tick)
		x.Ready = 1
		got = append(got, strings.Join(slices.Concat(lost, w.run(t, 6*bound)), ", "))
	}
	compare(t, "steps", got, []string{
		"0 update VirtualService, 0 update VirtualService",
		"0 update VirtualService, 5 update VirtualService",
		"0 update VirtualService, 10 update VirtualService",
	})
}
