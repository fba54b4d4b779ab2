package conform

import (
	"fmt"

	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/model"
)

// Add adds the compiled result of one namespace of the world: the objects in it, of a
// snapshot that may have more.
func (o *Oracle) Add(namespace string, snapshot *model.Snapshot, result *compile.Result) {
	if o.Snapshot == nil {
		first := *snapshot
		first.Services = nil
		o.Snapshot, o.Result = &first, &compile.Result{}
	}
	for _, s := range snapshot.Services {
		if s.Namespace == namespace {
			o.Snapshot.Services = append(o.Snapshot.Services, s)
		}
	}
	for _, t := range result.Tables {
		if t.Namespace == namespace {
			o.Result.Tables = append(o.Result.Tables, t)
		}
	}
	for _, r := range result.SubsetRules {
		if r.Namespace == namespace {
			o.Result.SubsetRules = append(o.Result.SubsetRules, r)
		}
	}
	for _, s := range result.Services {
		if s.Namespace == namespace {
			o.Result.Services = append(o.Result.Services, s)
		}
	}
	o.Result.Policies = append(o.Result.Policies, result.Policies...)
}

// Endpoints counts the pods of each cluster of the world that sidecars should have, by
// Istio's name for it; the clusters of Overrides' subsets only if ours is set.
func (o *Oracle) Endpoints(ours bool) map[string]int {
	out := map[string]int{}
	for i := range o.Snapshot.Services {
		s := &o.Snapshot.Services[i]
		if s.ExternalName != "" {
			continue // another name of a Service has no clusters
		}
		host := s.Name + "." + s.Namespace + ".svc." + o.Snapshot.Options.ClusterDomain
		subsets := map[string]map[string]string{"": nil}
		if ours {
			for _, rule := range o.Result.SubsetRules {
				for _, subset := range rule.Subsets {
					if rule.Host == host {
						subsets[subset.Name] = subset.Labels
					}
				}
			}
		}
		for name, labels := range subsets {
			count := 0
			for _, b := range s.Backends {
				if model.HasLabels(b.Labels, labels) {
					count += b.Ready
				}
			}
			for _, p := range s.Ports {
				out[fmt.Sprintf("outbound|%d|%s|%s", p.Number, name, host)] = count
			}
		}
	}
	return out
}
