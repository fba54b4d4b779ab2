package explain

import (
	"slices"
	"strings"

	"github.com/overrides-mesh/overrides/internal/diag"
	"github.com/overrides-mesh/overrides/internal/model"
	"github.com/overrides-mesh/overrides/internal/route"
)

// call is what a caller's proxy knows of a call before it looks at the routes.
type call struct {
	caller *caller
	// host is that of the Service that is called, or one that is no Service's.
	host string
	// port is that of the Service; zero where it is not known.
	port uint32
}

// routing says what proxies have. Explain asks it for each hop, and decides nothing
// of it by itself.
type routing interface {
	// inForce returns whose routes decide about a call.
	inForce(c *call) inForce
}

// inForce is whose routes decide about a call. Where neither a table nor a
// VirtualService of the user's is in force, the Service's own route is: it leads to
// all pods of the Service.
type inForce struct {
	// table is the one that Overrides made; nil where it is not in force.
	table *route.Table
	// users is the user's VirtualService; zero where it is not in force.
	users diag.Object
	// hidden is set where there is a table for the host that the caller does not get.
	hidden bool
}

// hostRouting is a routing that goes by hosts and by the namespaces that see a table.
type hostRouting struct {
	snapshot *model.Snapshot
	// tables are those of each host.
	tables map[string][]*route.Table
}

func (r *hostRouting) inForce(c *call) inForce {
	candidates := r.tables[c.host]
	for pattern := c.host; len(candidates) == 0; {
		_, rest, more := strings.Cut(pattern, ".")
		if !more {
			break
		}
		candidates, pattern = r.tables["*."+rest], rest
	}
	for _, t := range candidates {
		if len(t.ExportTo) == 0 || slices.Contains(t.ExportTo, "*") || slices.Contains(t.ExportTo, c.caller.namespace) ||
			(slices.Contains(t.ExportTo, ".") && t.Namespace == c.caller.namespace) {
			return inForce{table: t}
		}
	}
	return inForce{users: r.usersVirtualService(c.host), hidden: len(candidates) > 0}
}

// usersVirtualService names the user's VirtualService that sidecars follow for a
// host; zero if there is none.
func (r *hostRouting) usersVirtualService(host string) diag.Object {
	for i := range r.snapshot.VirtualServices {
		v := &r.snapshot.VirtualServices[i]
		if gateways := v.Spec.GetGateways(); len(gateways) > 0 && !slices.Contains(gateways, "mesh") {
			continue
		}
		for _, h := range v.Spec.GetHosts() {
			if !strings.Contains(h, ".") {
				h += "." + v.Namespace + ".svc." + r.snapshot.Options.ClusterDomain
			}
			if strings.EqualFold(h, host) {
				return v.Object()
			}
		}
	}
	return diag.Object{}
}
