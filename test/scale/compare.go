package scale

import (
	"context"
	"fmt"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/overrides-mesh/overrides/internal/apply"
	"github.com/overrides-mesh/overrides/internal/compile"
	"github.com/overrides-mesh/overrides/internal/istio"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/source"
)

// compare lists the objects in which the cluster differs from the output of generate;
// none if they are equal, byte for byte.
func (c *Cluster) compare(ctx context.Context) (objects int, differences []string, err error) {
	want, err := c.generate(ctx)
	if err != nil {
		return 0, nil, err
	}
	objects = len(want)
	for kind, resource := range resources {
		list, err := c.objects.Resource(resource).List(ctx, metav1.ListOptions{LabelSelector: istio.ManagedByLabel + "=" + istio.ManagedBy})
		if err != nil {
			return 0, nil, fmt.Errorf("list the objects: %w", err)
		}
		for i := range list.Items {
			seen, err := apply.Read(&list.Items[i])
			if err != nil {
				return 0, nil, err
			}
			name := kind + " " + seen.Namespace + "/" + seen.Name
			switch text, wanted := want[name]; {
			case !wanted:
				differences = append(differences, name+" exists, and is not wanted")
			case text != string(seen.Managed):
				differences = append(differences, fmt.Sprintf("%s is\n%s\nand not\n%s", name, seen.Managed, text))
			}
			delete(want, name)
		}
	}
	for name := range want {
		differences = append(differences, name+" is missing")
	}
	return objects, differences, nil
}

// generate returns the output of the generator for the cluster.
func (c *Cluster) generate(ctx context.Context) (map[string]string, error) {
	read, _, err := source.Cluster(ctx, c.plane.Config, source.ClusterOptions{})
	if err != nil {
		return nil, err
	}
	snapshot, _ := read.Snapshot(model.DefaultOptions())
	result := compile.Compile(snapshot)
	objects, _, err := istio.Objects(result.Tables, result.SubsetRules)
	if err != nil {
		return nil, err
	}
	out := map[string]string{}
	for _, o := range objects {
		out[o.Kind+" "+o.Namespace+"/"+o.Name] = string(o.JSON)
	}
	return out, nil
}
