package istio

import (
	"strings"

	"github.com/overrides-mesh/overrides/internal/route"
)

// ParseCluster reads istiod's name of a cluster for calls, "outbound|PORT|SUBSET|HOST"; is is unset for
// other names.
func ParseCluster(name string) (of route.Cluster, port string, is bool) {
	parts := strings.Split(name, "|")
	if len(parts) != 4 || parts[0] != "outbound" {
		return route.Cluster{}, "", false
	}
	return route.Cluster{Host: parts[3], Subset: parts[2]}, parts[1], true
}
