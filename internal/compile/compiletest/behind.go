package compiletest

import (
	"maps"
	"time"

	"pgregory.net/rapid"

	"github.com/overrides-mesh/overrides/internal/model"
)

// Behind draws what stands behind a Service that selects app: cart, in a cluster:
// workloads of a few names, kinds, ages and versions, whose pods come, go and are rolled.
func Behind() *rapid.Generator[[]model.Backend] {
	return rapid.Custom(func(t *rapid.T) []model.Backend {
		var out []model.Backend
		for _, name := range []string{"cart", "cart-1", "cart-2", "cart-next"} {
			if rapid.IntRange(0, 2).Draw(t, "is there") == 0 {
				continue
			}
			workload := model.Workload{Kind: rapid.SampledFrom([]string{"Deployment", "Deployment", "Rollout"}).Draw(t, "kind"), Name: name}
			created := time.Unix(int64(rapid.IntRange(1, 5).Draw(t, "age")), 0)
			selector := map[string]string{"app": "cart"}
			common := map[string]string{"app": "cart"}
			switch rapid.IntRange(0, 4).Draw(t, "labels of its own") {
			case 0:
				selector["name"], common["name"] = name, name
			case 1:
				common["track"] = rapid.SampledFrom([]string{"stable", "other"}).Draw(t, "track")
			case 2:
				common["overrides.mesh/preview"] = "true"
			}
			backend := func(version string, wanted int) model.Backend {
				labels := maps.Clone(common)
				labels["version"] = version
				pods := rapid.IntRange(0, 2).Draw(t, "pods")
				return model.Backend{
					Workload: workload, Created: created, Selector: selector, Labels: labels,
					Pods: pods, Ready: rapid.IntRange(0, pods).Draw(t, "ready"), Wanted: wanted,
				}
			}
			versions := rapid.SliceOfNDistinct(rapid.SampledFrom([]string{"v1", "v2", "v3"}), 1, 2, rapid.ID[string]).Draw(t, "versions")
			out = append(out, backend(versions[0], rapid.IntRange(0, 2).Draw(t, "wanted")))
			if len(versions) > 1 {
				former := backend(versions[1], 0)
				former.Pods = max(former.Pods, 1)
				out = append(out, former)
			}
		}
		return out
	})
}
