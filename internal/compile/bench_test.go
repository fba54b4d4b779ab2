package compile_test

import (
	"fmt"
	"testing"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
)

// cluster is as many Services as asked for, in namespaces of 50, each with its
// released version and others beside it.
func cluster(services, versions int) *model.Snapshot {
	s := &model.Snapshot{Options: model.DefaultOptions()}
	for i := range services {
		namespace, name := fmt.Sprintf("team-%d", i/50), fmt.Sprintf("service-%d", i)
		service := model.Service{
			Namespace: namespace, Name: name,
			Ports:    []model.Port{{Name: "http", Number: 80, HTTP: true}},
			Selector: map[string]string{"app": name},
		}
		for v := range versions {
			labels := map[string]string{"app": name, "version": fmt.Sprintf("v%d", v+1)}
			service.Backends = append(service.Backends, model.Backend{
				Workload: model.Workload{Kind: "Deployment", Name: fmt.Sprintf("%s-v%d", name, v+1)},
				Selector: labels, Labels: labels, Pods: 2, Ready: 2,
			})
		}
		if i%50 == 0 {
			s.Namespaces = append(s.Namespaces, namespace)
		}
		s.Services = append(s.Services, service)
		s.Callers = append(s.Callers, model.Caller{Namespace: namespace, Name: name, Label: "app"})
	}
	return s
}

func BenchmarkCompile(b *testing.B) {
	for _, size := range []struct{ services, versions int }{{10, 10}, {100, 10}, {1000, 10}, {10000, 10}} {
		b.Run(fmt.Sprintf("services=%d/versions=%d", size.services, size.versions), func(b *testing.B) {
			snapshot := cluster(size.services, size.versions)
			b.ReportAllocs()
			for b.Loop() {
				if result := compile.Compile(snapshot); len(result.Tables) != size.services {
					b.Fatalf("%d tables", len(result.Tables))
				}
			}
		})
	}
}

// BenchmarkPrint is what generate adds to BenchmarkCompile: objects, as YAML.
func BenchmarkPrint(b *testing.B) {
	result := compile.Compile(cluster(1000, 10))
	b.ReportAllocs()
	for b.Loop() {
		objects, _, err := istio.Objects(result.Tables, result.SubsetRules)
		if err != nil {
			b.Fatal(err)
		}
		for _, o := range objects {
			if _, err := o.YAML(); err != nil {
				b.Fatal(err)
			}
		}
	}
}
